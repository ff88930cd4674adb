import com.google.googlejavaformat.java.Main;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs google-java-format over every Java file of the tree in one JVM, as a source program: {@code
 * Format check ROOT} fails and names the files that differ, {@code Format replace ROOT} rewrites
 * them.
 */
final class Format {
  public static void main(String[] args) throws Exception {
    boolean replace = args[0].equals("replace");
    Path root = Path.of(args[1]);
    List<String> sources = sources(root);
    List<String> options = new ArrayList<>();
    options.add(replace ? "--replace" : "--dry-run");
    options.addAll(sources);
    StringWriter differing = new StringWriter();
    PrintWriter errors = new PrintWriter(System.err, true);
    int failed =
        new Main(new PrintWriter(differing), errors, System.in)
            .format(options.toArray(String[]::new));
    List<String> names = differing.toString().lines().toList();
    if (failed != 0) {
      System.exit(1);
    }
    if (!replace && !names.isEmpty()) {
      System.err.println("Not in google-java-format:");
      names.forEach(name -> System.err.println("  " + root.relativize(Path.of(name))));
      System.err.println("To rewrite them: mvn -q -N -Pformat validate");
      System.exit(1);
    }
  }

  private static List<String> sources(Path root) throws IOException {
    List<String> sources = new ArrayList<>();
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
            String name = folder.getFileName().toString();
            boolean skipped =
                name.equals("target") || (name.startsWith(".") && !folder.equals(root));
            return skipped ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (file.toString().endsWith(".java")) {
              sources.add(file.toString());
            }
            return FileVisitResult.CONTINUE;
          }
        });
    sources.sort(null);
    return sources;
  }
}
