package llmengine.train.export;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import llmengine.data.DataException;
import llmengine.data.Tokenizer;
import llmengine.data.random.PythonRandom;
import llmengine.data.source.RowSource;
import llmengine.data.source.SourceFiles;
import llmengine.train.config.ConfigException;
import llmengine.train.config.ExportArguments;

/**
 * Windows of text for calibration, drawn as LLaMA-Factory draws them: a row by chance until one has
 * more than {@code export_quantization_maxlen} tokens, then a window of it by chance, with Python's
 * generator. LLaMA-Factory leaves that to the clock; here its seed is always 42. A few more windows
 * are drawn to measure perplexity, from rows that calibration does not read where there are any.
 *
 * @param calibration ids of each window
 * @param heldOut ids of the windows to measure with
 * @param unseen whether no row of {@code heldOut} is one of {@code calibration}
 */
record CalibrationWindows(List<int[]> calibration, List<int[]> heldOut, boolean unseen) {
  private static final long SEED = 42;
  private static final int TRIES = 101;
  private static final int HELD_OUT_SHARE = 8;
  private static final int HELD_OUT_TOKENS = 4096; // at least, so that chance does not decide
  private static final int MOST_HELD_OUT = 64;

  /**
   * @throws ConfigException if there is no such dataset, it has no texts, or they are too short
   */
  static CalibrationWindows draw(ExportArguments arguments, Tokenizer tokenizer) {
    Path path = arguments.exportQuantizationDataset().orElseThrow();
    if (!Files.exists(path)) {
      throw bad(
          "export_quantization_dataset: not found: expected a json, jsonl, csv or txt file with a"
              + " column text, or a folder of them, got "
              + path
              + ". Datasets of a hub must be downloaded.");
    }
    try (RowSource rows = SourceFiles.open(path)) {
      if (rows.size() == 0 || !rows.columns().contains("text")) {
        throw bad(
            "export_quantization_dataset: "
                + path
                + ": no texts: expected rows with a column text, got "
                + (rows.size() == 0
                    ? "no rows"
                    : "columns " + rows.columns().stream().sorted().toList())
                + ".");
      }
      Drawing drawing = new Drawing(rows, tokenizer, arguments.exportQuantizationMaxlen());
      List<int[]> calibration = new ArrayList<>();
      for (int i = 0; i < arguments.exportQuantizationNsamples(); i++) {
        calibration.add(drawing.next(Set.of()));
      }
      Set<Integer> seen = Set.copyOf(drawing.drawn);
      int share = calibration.size() / HELD_OUT_SHARE;
      int enough = HELD_OUT_TOKENS / arguments.exportQuantizationMaxlen();
      int count = Math.clamp(Math.max(share, enough), 1, MOST_HELD_OUT);
      List<int[]> heldOut = new ArrayList<>();
      boolean unseen = true;
      for (int i = 0; i < count; i++) {
        int[] window = unseen ? drawing.tryNext(seen) : null;
        unseen &= window != null;
        heldOut.add(window != null ? window : drawing.next(Set.of()));
      }
      return new CalibrationWindows(calibration, heldOut, unseen);
    } catch (DataException unreadable) {
      throw bad("export_quantization_dataset: " + unreadable.getMessage());
    }
  }

  private static ConfigException bad(String problem) {
    return new ConfigException(List.of(problem));
  }

  /** All ids of {@link #heldOut}, window after window. */
  int[] heldOutIds() {
    return heldOut.stream().flatMapToInt(Arrays::stream).toArray();
  }

  private static final class Drawing {
    private final RowSource rows;
    private final Tokenizer tokenizer;
    private final int length;
    private final PythonRandom random = new PythonRandom(SEED);
    private final Set<Integer> drawn = new HashSet<>();

    Drawing(RowSource rows, Tokenizer tokenizer, int length) {
      this.rows = rows;
      this.tokenizer = tokenizer;
      this.length = length;
    }

    int[] next(Set<Integer> without) {
      int[] window = tryNext(without);
      if (window == null) {
        throw bad(
            "export_quantization_maxlen: no row is long enough: expected texts of more than "
                + length
                + " tokens, got none in "
                + TRIES
                + " rows drawn by chance from "
                + rows.size()
                + ". Decrease export_quantization_maxlen, or use longer texts.");
      }
      return window;
    }

    /** A window of another row than these; null if none was found. */
    int[] tryNext(Set<Integer> without) {
      for (int i = 0; i < TRIES; i++) {
        int row = random.randint(0, rows.size() - 1);
        if (without.contains(row)) {
          continue;
        }
        int[] ids = ids(row);
        if (ids.length > length) {
          int from = random.randint(0, ids.length - length - 1);
          drawn.add(row);
          return Arrays.copyOfRange(ids, from, from + length);
        }
      }
      return null;
    }

    private int[] ids(int row) {
      JsonNode text = rows.row(row).path("text");
      if (!text.isTextual()) {
        throw new DataException(
            rows.where(row) + ": text: expected a text, got " + text.getNodeType() + ".");
      }
      int[] ids = tokenizer.encode(text.asText());
      OptionalInt bos = tokenizer.addsBos() ? tokenizer.bosId() : OptionalInt.empty();
      if (bos.isEmpty()) {
        return ids;
      }
      int[] longer = new int[ids.length + 1];
      longer[0] = bos.getAsInt();
      System.arraycopy(ids, 0, longer, 1, ids.length);
      return longer;
    }
  }
}
