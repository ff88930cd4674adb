package llmengine.data.process;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import llmengine.data.AlignedRow;
import llmengine.data.DataException;
import llmengine.data.Tokenizer;

/**
 * Pre-training: the first message's text and an end token, every token learned but padding (so an
 * end token that is also the padding token is not). Packed, the documents of a map batch are joined
 * and cut into blocks of exactly cutoffLen tokens; the tail is left out, and a tokenizer that adds
 * a beginning token overwrites the first token of each block with it. Not packed, each document is
 * a row, cut at cutoffLen.
 */
public record PretrainProcessor(Tokenizer tokenizer, String endText, int cutoffLen, boolean packing)
    implements Processor {

  /**
   * @param templateName {@code llama3} ends documents with its end-of-text token instead of the
   *     tokenizer's eos
   */
  public static PretrainProcessor of(
      Tokenizer tokenizer, String templateName, int cutoffLen, boolean packing) {
    if (tokenizer.eosId().isEmpty() && !"llama3".equals(templateName)) {
      throw new DataException(
          "tokenizer: pre-training ends each document with eos: expected an eos token, got none."
              + " Set eos_token in tokenizer_config.json.");
    }
    String end =
        "llama3".equals(templateName)
            ? "<|end_of_text|>"
            : tokenizer.tokenOf(tokenizer.eosId().getAsInt());
    return new PretrainProcessor(tokenizer, end, cutoffLen, packing);
  }

  @Override
  public Encoded encode(AlignedRow row) {
    if (row.prompt().isEmpty()) {
      return Encoded.dropped(Issue.ROLES_OUT_OF_ORDER);
    }
    int[] ids = tokenizer.encode(row.prompt().getFirst().content() + endText);
    if (packing) {
      return Encoded.kept(ids, labels(ids), ids.length, ids.length);
    }
    if (addsBos()) {
      int[] longer = new int[ids.length + 1];
      longer[0] = tokenizer.bosId().getAsInt();
      System.arraycopy(ids, 0, longer, 1, ids.length);
      ids = longer;
    }
    int[] kept = Arrays.copyOf(ids, Math.min(ids.length, cutoffLen));
    return Encoded.kept(kept, labels(kept), ids.length, kept.length);
  }

  @Override
  public List<Example> examples(List<Encoded> batch) {
    if (!packing) {
      return Processor.super.examples(batch);
    }
    var blocks = new ArrayList<Example>();
    int[] block = new int[cutoffLen];
    int filled = 0;
    for (Encoded document : batch) {
      int[] ids = document.ids();
      for (int from = 0; from < ids.length; ) {
        int n = Math.min(ids.length - from, cutoffLen - filled);
        System.arraycopy(ids, from, block, filled, n);
        from += n;
        filled += n;
        if (filled == cutoffLen) {
          if (addsBos()) {
            block[0] = tokenizer.bosId().getAsInt();
          }
          blocks.add(Example.of(block, labels(block)));
          block = new int[cutoffLen];
          filled = 0;
        }
      }
    }
    return blocks;
  }

  private boolean addsBos() {
    return tokenizer.addsBos() && tokenizer.bosId().isPresent();
  }

  private int[] labels(int[] ids) {
    int[] labels = ids.clone();
    if (tokenizer.padId().isPresent()) {
      int pad = tokenizer.padId().getAsInt();
      for (int i = 0; i < labels.length; i++) {
        labels[i] = labels[i] == pad ? Example.IGNORED : labels[i];
      }
    }
    return labels;
  }
}
