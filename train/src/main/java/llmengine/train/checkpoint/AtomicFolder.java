package llmengine.train.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import llmengine.train.TrainException;

/**
 * Writes a folder under a temporary name and renames it when it is complete: a reader never sees
 * half of it.
 */
public final class AtomicFolder {
  /** Fills the folder. */
  @FunctionalInterface
  public interface Filler {
    void fill(Path folder) throws IOException;
  }

  private AtomicFolder() {}

  /**
   * @throws TrainException if it can't be written; what was there before is intact then
   */
  public static void write(Path target, Filler filler) {
    Path temporary = target.resolveSibling("." + target.getFileName() + ".tmp");
    try {
      delete(temporary);
      Files.createDirectories(temporary);
      filler.fill(temporary);
      if (Files.exists(target)) { // goes only when the new one has its place
        Path old = target.resolveSibling("." + target.getFileName() + ".old");
        delete(old);
        Files.move(target, old, StandardCopyOption.ATOMIC_MOVE);
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        delete(old);
      } else {
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
      }
    } catch (IOException | UncheckedIOException | llmengine.engine.FormatException e) {
      String reason = e.getMessage();
      try {
        delete(temporary);
      } catch (IOException leftover) {
        e.addSuppressed(leftover);
      }
      throw new TrainException(
          target
              + ": can't be written: expected room and permission, got: "
              + reason
              + ". What was there before is intact; free space or choose another folder.",
          e);
    }
  }

  /** Removes a folder with everything in it; nothing happens if there is none. */
  public static void delete(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    Files.walkFileTree(
        folder,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes a) throws IOException {
            Files.delete(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path dir, IOException e) throws IOException {
            if (e != null) {
              throw e;
            }
            Files.delete(dir);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
