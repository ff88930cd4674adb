package llmengine.nn.optim;

import java.nio.file.Path;
import java.util.Map;
import llmengine.engine.FormatException;
import llmengine.engine.file.SafetensorsFile;

/** The number of steps done, beside BAdam's moments: it says whose turn it is. */
final class StoredStep {
  private static final String KEY = "global_step";

  private StoredStep() {}

  static Map<String, String> metadata(long step) {
    return Map.of(KEY, Long.toString(step));
  }

  /** Throws a {@link FormatException} where the file is not BAdam's. */
  static long read(Path file) {
    try (SafetensorsFile stored = SafetensorsFile.open(file)) {
      String number = stored.metadata().get(KEY);
      if (number == null || !number.matches("\\d{1,18}")) {
        throw new FormatException(
            file
                + ": not the state of this optimizer: expected badam's "
                + KEY
                + ", got "
                + number
                + ". Resume with the settings the run was started with.");
      }
      return Long.parseLong(number);
    }
  }
}
