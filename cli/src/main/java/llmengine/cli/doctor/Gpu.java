package llmengine.cli.doctor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The NVIDIA GPUs of the machine and why none of them is used. */
public final class Gpu {
  private static final String WHY = "not used: this version computes on the CPU";

  private Gpu() {}

  /** One line; a missing GPU is no fault. */
  public static List<Finding> findings() {
    return List.of(Finding.good("gpu", describe(Path.of("/proc/driver/nvidia"), hasLibrary())));
  }

  static String describe(Path driver, boolean library) {
    List<String> models = models(driver.resolve("gpus"));
    if (!models.isEmpty()) {
      String missing = library ? "" : ", libcuda.so.1 missing";
      return String.join(", ", models) + missing + "; " + WHY;
    }
    if (Files.isDirectory(driver)) {
      return "NVIDIA driver without a GPU; " + WHY;
    }
    if (library) {
      return "libcuda.so.1 without a running NVIDIA driver; " + WHY;
    }
    return "none: no NVIDIA driver (neither /proc/driver/nvidia nor libcuda.so.1)";
  }

  /** The "Model:" lines of /proc/driver/nvidia/gpus/BUS/information. */
  private static List<String> models(Path folder) {
    List<String> models = new ArrayList<>();
    if (!Files.isDirectory(folder)) {
      return models;
    }
    try (DirectoryStream<Path> gpus = Files.newDirectoryStream(folder)) {
      for (Path gpu : gpus) {
        for (String line : Files.readAllLines(gpu.resolve("information"))) {
          if (line.startsWith("Model:")) {
            models.add(line.substring("Model:".length()).strip());
          }
        }
      }
    } catch (IOException unreadable) {
      models.add("NVIDIA GPU of unknown model (" + unreadable.getMessage() + ")");
    }
    return models;
  }

  private static boolean hasLibrary() {
    try (Arena arena = Arena.ofConfined()) {
      return SymbolLookup.libraryLookup("libcuda.so.1", arena).find("cuInit").isPresent();
    } catch (IllegalArgumentException absent) {
      return false;
    }
  }
}
