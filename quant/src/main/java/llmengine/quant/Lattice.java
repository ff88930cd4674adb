package llmengine.quant;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;

/**
 * Tables of the IQ1, IQ2 and IQ3 types: an index stands for a point of 4 or 8 small values. The
 * resource lattices.txt holds each table as a line "name values-per-point bits level level ...",
 * then its codes, {@code bits} bits each from low to high, in base 64, then an empty line.
 */
final class Lattice {
  private static final Map<String, Lattice> ALL = read();

  private final byte[] values;
  private final int dimensions;

  private Lattice(byte[] values, int dimensions) {
    this.values = values;
    this.dimensions = dimensions;
  }

  /** The table of this name, e.g. {@code iq2_xs}. */
  static Lattice named(String name) {
    return ALL.get(name);
  }

  /** How many points there are. */
  int points() {
    return values.length / dimensions;
  }

  /** Writes d times each value of the point, negative where {@code signs} has a bit. */
  void write(int point, float d, int signs, float[] out, int to) {
    int from = point * dimensions;
    for (int i = 0; i < dimensions; i++) {
      float value = d * values[from + i];
      out[to + i] = (signs >> i & 1) == 0 ? value : -value;
    }
  }

  /** Writes d times each value of the point shifted by {@code delta}. */
  void writeShifted(int point, float d, float delta, float[] out, int to) {
    int from = point * dimensions;
    for (int i = 0; i < dimensions; i++) {
      out[to + i] = d * (values[from + i] + delta);
    }
  }

  /** Eight signs from seven bits: the number of negative values is even. */
  static int evenSigns(int seven) {
    return seven | (Integer.bitCount(seven) & 1) << 7;
  }

  private static Map<String, Lattice> read() {
    Map<String, Lattice> all = new HashMap<>();
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                Lattice.class.getResourceAsStream("lattices.txt"), StandardCharsets.US_ASCII))) {
      for (String head = lines.readLine(); head != null; head = lines.readLine()) {
        String[] words = head.split(" ");
        int[] levels = Arrays.stream(words).skip(3).mapToInt(Integer::parseInt).toArray();
        StringBuilder text = new StringBuilder();
        for (String line = lines.readLine(); !line.isEmpty(); line = lines.readLine()) {
          text.append(line);
        }
        byte[] packed = Base64.getDecoder().decode(text.toString());
        int bits = Integer.parseInt(words[2]);
        byte[] values = new byte[packed.length * 8 / bits];
        for (int i = 0; i < values.length; i++) {
          int code = packed[i * bits / 8] >> i * bits % 8 & (1 << bits) - 1;
          values[i] = (byte) levels[code];
        }
        all.put(words[0], new Lattice(values, Integer.parseInt(words[1])));
      }
    } catch (IOException e) {
      throw new UncheckedIOException("lattices.txt", e);
    }
    return all;
  }
}
