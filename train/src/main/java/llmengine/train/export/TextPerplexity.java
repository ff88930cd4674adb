package llmengine.train.export;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.function.Consumer;
import llmengine.data.tokenizer.HuggingFaceTokenizer;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.Tensor;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.nn.generate.WindowedPerplexity;
import llmengine.train.TrainException;
import llmengine.train.config.RunConfig;
import llmengine.train.model.Backends;
import llmengine.train.model.ModelSession;

/**
 * Perplexity of a model over a text file, and what it took.
 *
 * @param score by {@link WindowedPerplexity}
 * @param context tokens in a window
 * @param textTokens of the whole file
 * @param seconds that scoring took
 * @param weightBytes of all weights as they are in memory or in mapped files
 * @param parameters of the model
 * @param peakBytes of tensors, mapped files included
 */
public record TextPerplexity(
    WindowedPerplexity score,
    int context,
    int textTokens,
    double seconds,
    long weightBytes,
    long parameters,
    long peakBytes) {

  /**
   * Measures.
   *
   * @param file text in UTF-8
   * @param running takes the result so far after each window
   * @throws TrainException if the text is missing or too short, or the context too long
   */
  public static TextPerplexity of(
      RunConfig config, Path file, int context, int chunks, Consumer<WindowedPerplexity> running)
      throws IOException {
    String text = text(file);
    try (ModelSession session = ModelSession.open(config)) {
      int longest = session.spec().context();
      if (context < 4 || context > longest) {
        throw new TrainException(
            "--context: expected 4 to "
                + longest
                + ", the model's context, got "
                + context
                + ". Use a shorter one.");
      }
      HuggingFaceTokenizer tokenizer = session.tokenizer();
      OptionalInt bos = tokenizer.addsBos() ? tokenizer.bosId() : OptionalInt.empty();
      int[] ids = withBos(bos, tokenizer.encode(text));
      if (ids.length < 2 * context) {
        throw new TrainException(
            file
                + ": too short: expected at least two windows, "
                + 2 * context
                + " tokens, got "
                + ids.length
                + ". Use a longer text or a smaller --context.");
      }
      try (Backend backend = Backends.open(config);
          Decoder model = InferenceModel.load(config, session, backend)) {
        long start = System.nanoTime();
        boolean rows = Backends.eightBitActivations(config) && hasCodes(model);
        WindowedPerplexity score =
            WindowedPerplexity.of(model, ids, context, bos, chunks, rows, running);
        double seconds = (System.nanoTime() - start) / 1e9;
        long weights = 0;
        long parameters = 0;
        for (Parameter p : model.parameters().values()) {
          weights += bytes(p.value());
          parameters += p.size();
        }
        return new TextPerplexity(
            score,
            context,
            ids.length,
            seconds,
            weights,
            parameters,
            backend.memory().peak() + backend.memory().mapped());
      }
    }
  }

  /** Whether some weights are multiplied in their codes when tokens are generated. */
  private static boolean hasCodes(Decoder model) {
    return model.parameters().values().stream()
        .map(Parameter::value)
        .anyMatch(t -> t.dtype() == DType.PACKED && t.packing().codedRows().isPresent());
  }

  private static long bytes(Tensor t) {
    return t.dtype() == DType.PACKED ? t.packing().bytes() : t.size() * t.dtype().bytes();
  }

  private static int[] withBos(OptionalInt bos, int[] ids) {
    if (bos.isEmpty()) {
      return ids;
    }
    int[] longer = new int[ids.length + 1];
    longer[0] = bos.getAsInt();
    System.arraycopy(ids, 0, longer, 1, ids.length);
    return longer;
  }

  private static String text(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new TrainException(
          file + ": no such text: expected a file, got none. Check the last word.");
    }
    try {
      return Files.readString(file);
    } catch (CharacterCodingException e) {
      throw new TrainException(
          file + ": not text: expected UTF-8, got other bytes. Convert the file to UTF-8.", e);
    }
  }

  /** Bits that a weight takes on average, scales included. */
  public double bitsPerWeight() {
    return 8.0 * weightBytes / parameters;
  }

  /** Tokens read per second, scored or not. */
  public double tokensPerSecond() {
    return (double) score.windows() * context / seconds;
  }

  /** For people. */
  public List<String> lines() {
    return List.of(
        String.format(
            Locale.ROOT,
            "perplexity %.4f +/- %.5f over %,d tokens, the second halves of %,d windows of %,d",
            score.value(),
            score.error(),
            score.tokens(),
            score.windows(),
            context),
        String.format(Locale.ROOT, "speed      %.1f tokens/s, %.1f s", tokensPerSecond(), seconds),
        String.format(
            Locale.ROOT,
            "memory     weights %.1f MB (%.2f bits per weight), at most %.1f MB with all tensors",
            weightBytes / 1e6,
            bitsPerWeight(),
            peakBytes / 1e6));
  }

  /** One object with all figures. */
  public ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("perplexity", score.value());
    json.put("error", score.error());
    json.put("scored_tokens", score.tokens());
    json.put("windows", score.windows());
    json.put("context", context);
    json.put("text_tokens", textTokens);
    json.put("seconds", seconds);
    json.put("tokens_per_second", tokensPerSecond());
    json.put("parameters", parameters);
    json.put("weight_bytes", weightBytes);
    json.put("bits_per_weight", bitsPerWeight());
    json.put("peak_bytes", peakBytes);
    return json;
  }
}
