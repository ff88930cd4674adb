package llmengine.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/**
 * SHA-256 of what a checkpoint's tokenizer is read from, for {@link DataOptions#tokenizerDigest}:
 * the tokenizer files of a folder, or the start of a GGUF file, where its vocabulary and merges
 * lie.
 */
public final class TokenizerDigest {
  private static final List<String> FILES =
      List.of(
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.json",
          "merges.txt",
          "tokenizer.model");

  /** Metadata of the largest vocabularies in use take about 15 MB. */
  private static final int GGUF_START = 64 << 20;

  private TokenizerDigest() {}

  /** 64 hexadecimal digits for a model folder or a GGUF file. */
  public static String of(Path model) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      if (Files.isRegularFile(model)) {
        add(digest, model, GGUF_START);
      } else {
        int found = 0;
        for (String name : FILES) {
          Path file = model.resolve(name);
          if (Files.isRegularFile(file)) {
            digest.update((name + "\n" + Files.size(file) + "\n").getBytes(StandardCharsets.UTF_8));
            add(digest, file, Integer.MAX_VALUE);
            found++;
          }
        }
        if (found == 0) {
          throw new DataException(
              model + ": no tokenizer: expected one of " + FILES + ", got none of them.");
        }
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java platform has it
    } catch (IOException e) {
      throw new DataException(model + ": can't be read: " + e, e);
    }
  }

  private static void add(MessageDigest digest, Path file, int most) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] buffer = new byte[1 << 16];
      int left = most;
      for (int n = in.read(buffer); n > 0 && left > 0; n = in.read(buffer)) {
        digest.update(buffer, 0, Math.min(n, left));
        left -= Math.min(n, left);
      }
    }
  }
}
