package llmengine.nn.optim;

import java.nio.file.Path;
import java.util.Map;
import llmengine.engine.FormatException;
import llmengine.engine.file.SafetensorsFile;

/** The step that BAdam's turns go by, in the metadata of its state. */
final class StepCount {
  private static final String KEY = "global_step";

  private StepCount() {}

  static Map<String, String> metadata(long step) {
    return Map.of(KEY, Long.toString(step));
  }

  /**
   * The step of a stored state.
   *
   * @throws FormatException if it has none
   */
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
