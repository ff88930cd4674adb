package llmengine.data.process;

import java.util.Arrays;
import llmengine.data.AlignedRow;

/** Prompts alone, for stages that answer them themselves: nothing of a row is learned. */
public record PromptProcessor(UnsupervisedProcessor rows) implements Processor {
  @Override
  public Encoded encode(AlignedRow row) {
    Encoded encoded = rows.encode(row);
    if (encoded.ids().length == 0) {
      return encoded;
    }
    int[] labels = new int[encoded.ids().length];
    Arrays.fill(labels, Example.IGNORED);
    return new Encoded(encoded.ids(), labels, encoded.fullLength(), encoded.issues());
  }
}
