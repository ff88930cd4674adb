// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/** Checksums of all results of the contract, computed in a process of its own. */
public final class OpDigest {
  private static final String SEPARATOR = " = ";

  private OpDigest() {}

  /** Arguments: class of the backend, "small" or "all", file to write to. */
  public static void main(String[] args) throws Exception {
    StringBuilder lines = new StringBuilder();
    try (Backend backend = (Backend) Class.forName(args[0]).getConstructor().newInstance()) {
      OpContract.digests(backend, args[1].equals("small"))
          .forEach((name, sum) -> lines.append(name).append(SEPARATOR).append(sum).append('\n'));
    }
    Files.writeString(Path.of(args[2]), lines);
  }

  /**
   * Runs {@link #main} in a new JVM with these system properties ({@code -Dname=value}).
   *
   * @param smallOnly leaves out large cases, for emulated vectors
   */
  public static Map<String, Long> forked(
      Class<? extends Backend> backend, boolean smallOnly, Path directory, String... properties) {
    try {
      Path sums = Files.createTempFile(directory, "digest", ".txt");
      Path log = Files.createTempFile(directory, "digest", ".log");
      List<String> command = new ArrayList<>();
      command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      command.addAll(List.of("-Xmx512m", "-XX:+UseSerialGC", "-ea"));
      command.addAll(
          List.of("--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"));
      command.addAll(List.of(properties));
      command.addAll(List.of("-cp", System.getProperty("java.class.path")));
      command.addAll(List.of(OpDigest.class.getName(), backend.getName()));
      command.addAll(List.of(smallOnly ? "small" : "all", sums.toString()));
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
      if (!process.waitFor(240, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new AssertionError("digest: no result after 240 s of " + command);
      }
      if (process.exitValue() != 0) {
        throw new AssertionError(
            "digest: exit code %d of %s:%n%s"
                .formatted(process.exitValue(), command, Files.readString(log)));
      }
      Map<String, Long> result = new TreeMap<>();
      for (String line : Files.readAllLines(sums, StandardCharsets.UTF_8)) {
        int at = line.lastIndexOf(SEPARATOR);
        result.put(line.substring(0, at), Long.valueOf(line.substring(at + SEPARATOR.length())));
      }
      return result;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("digest: interrupted", e);
    }
  }
}
