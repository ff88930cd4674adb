package llmengine.data.process;

import java.util.ArrayList;
import java.util.List;
import llmengine.data.AlignedRow;

/**
 * Supervised fine-tuning with several samples per row ({@code packing}): the samples of a map batch
 * are distributed by {@link GreedyKnapsack}. Positions restart with each sample. {@code neat}: each
 * sample attends to itself only, else to all samples before it in the row. Rows carry no padding:
 * causal attention never looks at it and it has no labels.
 */
public record PackedSftProcessor(SftProcessor samples, boolean neat) implements Processor {
  @Override
  public Encoded encode(AlignedRow row) {
    Encoded encoded = samples.encode(row);
    return encoded.ids().length > samples.cutoffLen()
        ? Encoded.dropped(Issue.FITS_NO_PACK)
        : encoded;
  }

  @Override
  public boolean learnsAnswers() {
    return true;
  }

  @Override
  public List<Example> examples(List<Encoded> batch) {
    int[] lengths = batch.stream().mapToInt(row -> row.ids().length).toArray();
    var examples = new ArrayList<Example>();
    for (int[] pack : GreedyKnapsack.pack(lengths, samples.cutoffLen())) {
      examples.add(join(batch, pack));
    }
    return examples;
  }

  private Example join(List<Encoded> batch, int[] pack) {
    int length = 0;
    int[] parts = new int[pack.length];
    for (int i = 0; i < pack.length; i++) {
      parts[i] = batch.get(pack[i]).ids().length;
      length += parts[i];
    }
    int[] ids = new int[length];
    int[] labels = new int[length];
    int[] positions = new int[length];
    int at = 0;
    for (int i = 0; i < pack.length; i++) {
      System.arraycopy(batch.get(pack[i]).ids(), 0, ids, at, parts[i]);
      System.arraycopy(batch.get(pack[i]).labels(), 0, labels, at, parts[i]);
      for (int p = 0; p < parts[i]; p++) {
        positions[at + p] = p;
      }
      at += parts[i];
    }
    return new Example(ids, labels, positions, neat ? parts : new int[] {length});
  }
}
