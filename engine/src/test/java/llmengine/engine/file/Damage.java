package llmengine.engine.file;

import java.util.Arrays;
import java.util.Random;

/** Small damage to files, the same for the same seed. */
public final class Damage {
  private static final byte[] TELLING = {0, 1, -1, 127, -128, '"', '[', '{', '9', '-', 'e'};

  private Damage() {}

  /** The bytes with a few of them changed, cut out, or said twice; their end may be missing. */
  public static byte[] of(byte[] bytes, long seed) {
    Random random = new Random(seed);
    byte[] damaged = bytes.clone();
    for (int i = random.nextInt(4); i >= 0 && damaged.length > 0; i--) {
      int at = random.nextInt(damaged.length);
      int n = Math.min(1 + random.nextInt(8), damaged.length - at);
      switch (random.nextInt(5)) {
        case 0 -> damaged[at] = TELLING[random.nextInt(TELLING.length)];
        case 1 -> Arrays.fill(damaged, at, at + n, TELLING[random.nextInt(TELLING.length)]);
        case 2 -> damaged[at] ^= (byte) (1 << random.nextInt(8));
        case 3 -> damaged = joined(Arrays.copyOf(damaged, at + n), damaged, at);
        default -> damaged = joined(Arrays.copyOf(damaged, at), damaged, at + n);
      }
    }
    return random.nextInt(8) == 0
        ? Arrays.copyOf(damaged, random.nextInt(damaged.length + 1))
        : damaged;
  }

  private static byte[] joined(byte[] start, byte[] of, int from) {
    byte[] both = Arrays.copyOf(start, start.length + of.length - from);
    System.arraycopy(of, from, both, start.length, of.length - from);
    return both;
  }
}
