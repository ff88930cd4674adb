package llmengine.data.tokenizer;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/** Tokenizer files for tests: a byte-level BPE of 16 merges and three added tokens. */
final class Fixture {
  /** Byte alphabet and merges; the added tokens are end, start and the ordinary think. */
  static final int VOCAB = 272;

  static final int END = VOCAB;
  static final int START = VOCAB + 1;
  static final int THINK = VOCAB + 2;

  private Fixture() {}

  static Path copyTo(Path dir) throws IOException {
    for (String name : new String[] {"tokenizer.json", "tokenizer_config.json"}) {
      try (InputStream in = Fixture.class.getResourceAsStream(name)) {
        Files.copy(in, dir.resolve(name));
      }
    }
    return dir;
  }

  /** Folder of recorded data beside the project; it need not exist. */
  static Path shared() {
    String named = System.getProperty("ENGINE_SHARED", System.getenv("ENGINE_SHARED"));
    if (named != null) {
      return Path.of(named);
    }
    Path at = Path.of("").toAbsolutePath();
    while (at != null && !Files.isDirectory(at.resolveSibling("shared"))) {
      at = at.getParent();
    }
    return at == null ? Path.of("../shared") : at.resolveSibling("shared");
  }

  /** Text of letters, digits, spaces, Chinese, emoji, accents and control characters. */
  static String randomText(Random random, int codePoints) {
    var out = new StringBuilder();
    for (int i = 0; i < codePoints; i++) {
      switch (random.nextInt(10)) {
        case 0 -> out.append("  \n\t\r ".charAt(random.nextInt(6)));
        case 1 -> out.appendCodePoint(0x4e00 + random.nextInt(0x5000));
        case 2 -> out.appendCodePoint(0x1f300 + random.nextInt(0x300));
        case 3 -> out.append((char) ('0' + random.nextInt(10)));
        case 4 -> out.appendCodePoint(0xa1 + random.nextInt(0x500));
        case 5 -> out.appendCodePoint(random.nextInt(0x80));
        case 6 -> out.append(" the hello world 'll".substring(random.nextInt(20)));
        case 7 -> out.appendCodePoint(0x2000 + random.nextInt(0x1000));
        default -> out.append((char) ((random.nextBoolean() ? 'a' : 'A') + random.nextInt(26)));
      }
    }
    return out.toString();
  }
}
