package llmengine.quant;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Writes the resource lattices.txt: {@code WriteLattices ggml-common.h lattices.txt}. The numbers
 * are those of ggml's tables; each word there holds the values of a point as bytes, low first.
 */
final class WriteLattices {
  private WriteLattices() {}

  public static void main(String[] files) throws IOException {
    String header = Files.readString(Path.of(files[0]));
    StringBuilder out = new StringBuilder();
    table(header, "iq2xxs_grid", "iq2_xxs", 8, 2, out, 8, 25, 43);
    table(header, "iq2xs_grid", "iq2_xs", 8, 2, out, 8, 25, 43);
    table(header, "iq2s_grid", "iq2_s", 8, 2, out, 8, 25, 43);
    table(header, "iq3xxs_grid", "iq3_xxs", 4, 4, out, 4, 12, 20, 28, 36, 44, 52, 62);
    table(header, "iq3s_grid", "iq3_s", 4, 4, out, 1, 3, 5, 7, 9, 11, 13, 15);
    table(header, "iq1s_grid", "iq1", 8, 2, out, -1, 0, 1);
    Files.writeString(Path.of(files[1]), out);
  }

  private static void table(
      String header,
      String source,
      String name,
      int dimensions,
      int bits,
      StringBuilder out,
      int... levels) {
    int start = header.indexOf("uint" + 8 * dimensions + "_t, " + source + ",");
    String body = header.substring(start, header.indexOf("GGML_TABLE_END", start));
    Matcher words = Pattern.compile("0x([0-9a-f]{" + 2 * dimensions + "})").matcher(body);
    byte[] packed = new byte[1 << 13];
    int count = 0;
    while (words.find()) {
      long word = Long.parseUnsignedLong(words.group(1), 16);
      for (int i = 0; i < dimensions; i++) {
        int code = Arrays.binarySearch(levels, (byte) (word >> 8 * i));
        if (code < 0) {
          throw new IllegalStateException(source + ": no level of " + words.group());
        }
        packed[count * bits / 8] |= (byte) (code << count * bits % 8);
        count++;
      }
    }
    out.append(name).append(' ').append(dimensions).append(' ').append(bits);
    for (int level : levels) {
      out.append(' ').append(level);
    }
    String text = Base64.getEncoder().encodeToString(Arrays.copyOf(packed, count * bits / 8));
    for (int i = 0; i < text.length(); i += 96) {
      out.append('\n').append(text, i, Math.min(text.length(), i + 96));
    }
    out.append("\n\n");
  }
}
