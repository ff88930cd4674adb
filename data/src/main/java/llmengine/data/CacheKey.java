package llmengine.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import llmengine.data.source.DatasetSpec;
import llmengine.data.source.SourceFiles;
import llmengine.data.template.ChatTemplate;
import llmengine.data.template.Turn;

/**
 * SHA-256 over everything that token files depend on: two runs that could differ never share one.
 */
final class CacheKey {
  private static final String FORMAT =
      "2"; // raise when the maker or the layout of token files changes

  private CacheKey() {}

  /** The rows of a set: contents of the files, dataset_info entries, selection, order. */
  static String of(
      String set,
      String tokens,
      DataOptions options,
      List<DatasetSpec> train,
      List<DatasetSpec> eval) {
    MessageDigest digest = sha256();
    add(digest, FORMAT, set, tokens);
    for (List<DatasetSpec> specs : List.of(train, eval)) {
      add(digest, "datasets", specs.size());
      for (DatasetSpec spec : specs) {
        add(
            digest,
            spec.name(),
            spec.formatting(),
            spec.ranking(),
            spec.numSamples(),
            spec.columns(),
            spec.tags());
        for (Path file : SourceFiles.files(spec.path())) {
          add(digest, file.getFileName(), contents(file));
        }
      }
    }
    add(
        digest,
        options.mixStrategy(),
        Arrays.toString(options.interleaveProbs()),
        options.maxSamples(),
        options.valSize().getClass().getSimpleName(),
        options.valSize(),
        options.evalOnEachDataset(),
        options.seed(),
        options.preprocessingBatchSize());
    return HexFormat.of().formatHex(digest.digest());
  }

  /** What is made of a row: tokenizer, template, cut and masks. */
  static String tokens(DataOptions options, Tokenizer tokenizer, ChatTemplate template) {
    MessageDigest digest = sha256();
    add(
        digest,
        options.tokenizerDigest(),
        options.stage(),
        options.cutoffLen(),
        options.trainOnPrompt(),
        options.maskHistory(),
        options.packing(),
        options.neatPacking(),
        options.predictWithGenerate());
    add(
        digest,
        tokenizer.vocabSize(),
        tokenizer.bosId(),
        tokenizer.eosId(),
        tokenizer.padId(),
        tokenizer.addsBos(),
        tokenizer.additionalSpecialTokens());
    for (int id = 0; id < tokenizer.vocabSize(); id++) {
      add(digest, tokenizer.tokenOf(id));
    }
    if (options.stage() != DataOptions.Stage.PT) {
      add(digest, template.efficientEos(), Arrays.toString(template.stopTokenIds(tokenizer)));
      probe(digest, template, tokenizer, "", "");
      probe(digest, template, tokenizer, "System text.", TOOLS);
    }
    add(digest, template.name());
    return HexFormat.of().formatHex(digest.digest());
  }

  private static final String TOOLS =
      "[{\"name\": \"look\", \"description\": \"Looks.\", \"parameters\": {\"type\": \"object\","
          + " \"properties\": {\"at\": {\"type\": \"string\", \"description\": \"What.\"}},"
          + " \"required\": [\"at\"]}}]";

  /**
   * A template is known by what it writes: conversations that show each of its formats and
   * switches.
   */
  private static void probe(
      MessageDigest digest,
      ChatTemplate template,
      Tokenizer tokenizer,
      String system,
      String tools) {
    var conversation =
        List.of(
            new Message(Role.USER, "Hello"),
            new Message(Role.ASSISTANT, "<think>\nHm.\n</think>\n\nHi"),
            new Message(Role.USER, "Look"),
            new Message(Role.FUNCTION, "{\"name\": \"look\", \"arguments\": {\"at\": \"it\"}}"),
            new Message(Role.OBSERVATION, "seen"),
            new Message(Role.ASSISTANT, "Yes"));
    for (boolean lastOnly : new boolean[] {false, true}) {
      try {
        for (Turn turn :
            template.encodeMultiturn(tokenizer, conversation, system, tools, lastOnly)) {
          add(digest, Arrays.toString(turn.source()), Arrays.toString(turn.target()));
        }
      } catch (DataException e) {
        add(digest, e.getMessage()); // a template without tools: just as telling
      }
    }
  }

  private static String contents(Path file) {
    MessageDigest digest = sha256();
    try (InputStream in = Files.newInputStream(file)) {
      byte[] buffer = new byte[1 << 20];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
      }
    } catch (IOException e) {
      throw new DataException(file + ": can't be read: " + e, e);
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /** Each value with its length, so that no two lists of values give the same bytes. */
  private static void add(MessageDigest digest, Object... values) {
    for (Object value : values) {
      byte[] bytes = String.valueOf(value).getBytes(StandardCharsets.UTF_8);
      digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(bytes.length).array());
      digest.update(bytes);
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java platform has it
    }
  }
}
