package llmengine.data.process;

import java.util.ArrayList;
import java.util.List;
import llmengine.data.AlignedRow;

/**
 * From aligned rows to training rows, in two steps: {@link #encode} looks at one row alone and may
 * run on any thread; {@link #examples} sees the rows of one map batch (preprocessing_batch_size) in
 * order, because that is the reach of packing.
 */
public interface Processor {
  Encoded encode(AlignedRow row);

  /**
   * The same for a processor that {@link #looksBack}: {@code before} is the closest earlier row of
   * the map batch with an answer; the first row's is the last one.
   */
  default Encoded encode(AlignedRow row, AlignedRow before) {
    return encode(row);
  }

  /** Whether a row's sequences are made of the row before it as well. */
  default boolean looksBack() {
    return false;
  }

  /** The training rows of a batch of kept rows; without packing one each. */
  default List<Example> examples(List<Encoded> batch) {
    var examples = new ArrayList<Example>(batch.size());
    for (Encoded row : batch) {
      examples.add(Example.of(row.ids(), row.labels(), row.parts(), row.feedback()));
    }
    return examples;
  }

  /** Whether rows are conversations that should end with a stop token. */
  default boolean learnsAnswers() {
    return false;
  }
}
