package llmengine.data;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import llmengine.data.store.Counts;
import llmengine.data.store.TokenizedDataset;

/**
 * What became of the rows: counts per set ({@code train}, {@code eval}, or {@code eval <dataset>}),
 * and every row that was cut or dropped.
 */
public final class DataReport {
  private final int cutoffLen;
  private final DataOptions.Stage stage;
  private final Map<String, TokenizedDataset> sets;

  private DataReport(int cutoffLen, DataOptions.Stage stage, Map<String, TokenizedDataset> sets) {
    this.cutoffLen = cutoffLen;
    this.stage = stage;
    this.sets = sets;
  }

  static DataReport of(
      DataOptions options, TokenizedDataset train, Map<String, TokenizedDataset> eval) {
    var sets = new LinkedHashMap<String, TokenizedDataset>();
    if (train != null) {
      sets.put("train", train);
    }
    eval.forEach((name, set) -> sets.put(name.isEmpty() ? "eval" : "eval " + name, set));
    return new DataReport(options.cutoffLen(), options.stage(), sets);
  }

  /** Counts by set. */
  public Map<String, Counts> counts() {
    var counts = new LinkedHashMap<String, Counts>();
    sets.forEach((name, set) -> counts.put(name, set.counts()));
    return counts;
  }

  /** For the console; {@code file} is where {@link #write} puts the details. */
  public List<String> lines(Path file) {
    var lines = new ArrayList<String>();
    counts().forEach((name, counts) -> lines.addAll(lines(name, counts, file)));
    return lines;
  }

  private List<String> lines(String set, Counts c, Path file) {
    var lines = new ArrayList<String>();
    String name = set.equals("train") ? "data" : "data  " + set + ":";
    var line = new StringBuilder(name);
    line.append(
        String.format(
            Locale.ROOT,
            "  truncated %,d of %,d rows (%.2f%%), longest %,d tokens %s cutoff_len %d",
            c.truncated(),
            c.rows(),
            100.0 * c.truncated() / Math.max(1, c.rows()),
            c.longest(),
            c.longest() > cutoffLen ? ">" : "<=",
            cutoffLen));
    line.append(String.format(Locale.ROOT, "; dropped %,d", c.dropped()));
    if (c.dropped() > 0) {
      line.append(
          String.format(
              Locale.ROOT,
              " (roles out of order %,d, without %s %,d, too long %,d)",
              c.droppedRoles(),
              stage.answers(),
              c.droppedResponse(),
              c.droppedLength()));
    }
    if (c.nothingLearned() > 0) {
      line.append(String.format(Locale.ROOT, "; nothing learned in %,d", c.nothingLearned()));
    }
    if (c.identicalPairs() > 0) {
      line.append(
          String.format(Locale.ROOT, "; chosen and rejected equal in %,d", c.identicalPairs()));
    }
    if (c.truncated() + c.dropped() + c.nothingLearned() + c.identicalPairs() > 0) {
      line.append("; see ").append(file);
    }
    lines.add(line.toString());
    lines.add(
        String.format(
            Locale.ROOT,
            "%s  %,d training rows, %,d tokens, %,d learned%s",
            name,
            c.examples(),
            c.tokens(),
            c.learnedTokens(),
            c.tailTokens() == 0
                ? ""
                : String.format(
                    Locale.ROOT, "; %,d left out at the ends of batches", c.tailTokens())));
    if (c.desirable() + c.undesirable() > 0) {
      boolean one = c.desirable() == 0 || c.undesirable() == 0;
      lines.add(
          String.format(
              Locale.ROOT,
              "%s  %,d desirable, %,d undesirable%s",
              name,
              c.desirable(),
              c.undesirable(),
              one
                  ? ": WARNING: one kind only; kto learns from the difference. Check kto_tag."
                  : ""));
    }
    if (c.answered() > 0) {
      lines.add(
          String.format(
              Locale.ROOT,
              "%s  %.1f%% of the answers end with a stop token%s",
              name,
              100 * c.stopShare(),
              c.ended() > 0 ? "" : ": WARNING: the model won't learn to stop. " + remedy(c)));
    }
    return lines;
  }

  private String remedy(Counts c) {
    return c.truncated() >= c.answered()
        ? String.format(
            Locale.ROOT,
            "cutoff_len %d cuts off the end of every answer; the longest row has %,d tokens: raise"
                + " cutoff_len.",
            cutoffLen,
            c.longest())
        : "Check the template.";
  }

  /**
   * Writes data_report.jsonl: one object per affected row with set, dataset, index, reason and
   * lengths.
   */
  public void write(Path file) {
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
      for (var entry : sets.entrySet()) {
        entry.getValue().writeIssues(new Prefixed(out, "\"split\":\"" + entry.getKey() + "\","));
      }
    } catch (IOException e) {
      throw new DataException(file + ": can't be written: " + e, e);
    }
  }

  /** Puts a field at the start of each JSON line. */
  private static final class Prefixed extends OutputStream {
    private final OutputStream out;
    private final byte[] field;
    private boolean atStart = true;

    Prefixed(OutputStream out, String field) {
      this.out = out;
      this.field = field.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public void write(int b) throws IOException {
      out.write(b);
      if (atStart) {
        out.write(field); // b was the opening brace
      }
      atStart = b == '\n';
    }
  }
}
