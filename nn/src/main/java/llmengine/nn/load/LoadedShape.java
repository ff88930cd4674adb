package llmengine.nn.load;

import java.util.Arrays;
import llmengine.engine.FormatException;

/** Compares the shape in a file with what the configuration asks for. */
final class LoadedShape {
  private LoadedShape() {}

  static void check(String where, long[] stored, int[] wanted) {
    boolean same = stored.length == wanted.length;
    for (int i = 0; same && i < wanted.length; i++) {
      same = stored[i] == wanted[i];
    }
    if (!same) {
      throw new FormatException(
          where
              + ": wrong shape: expected "
              + Arrays.toString(wanted)
              + " by the configuration, got "
              + Arrays.toString(stored)
              + ". Do config and weights belong together?");
    }
  }
}
