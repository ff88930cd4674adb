package llmengine.data.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import llmengine.data.DataException;
import llmengine.data.process.Example;
import llmengine.data.random.EpochOrder;
import org.junit.jupiter.api.Test;

class BatchTest {
  private static final int IGNORED = Example.IGNORED;

  /** Row i has i + 1 tokens, all of them i. */
  private static final IntFunction<Example> ROWS =
      i -> {
        int[] ids = new int[i + 1];
        Arrays.fill(ids, i);
        return Example.of(ids, ids);
      };

  @Test
  void rowsLieEndToEndAndLabelsAreShiftedWithinEachRow() {
    var plain =
        new Example(
            new int[] {1, 2, 3}, new int[] {1, IGNORED, 3}, new int[] {0, 1, 2}, new int[] {3});
    var packed =
        new Example(
            new int[] {4, 5, 6}, new int[] {IGNORED, 5, 6}, new int[] {0, 1, 0}, new int[] {2, 1});
    MicroBatch batch = Collator.collate(List.of(plain, packed), new int[] {0, 1});
    assertThat(batch.ids()).containsExactly(1, 2, 3, 4, 5, 6);
    assertThat(batch.positions()).containsExactly(0, 1, 2, 0, 1, 0);
    assertThat(batch.segments()).containsExactly(3, 2, 1);
    assertThat(batch.cumulativeSegments()).containsExactly(0, 3, 5, 6);
    // the label of row 0's first token has no token before it
    assertThat(batch.labelled()).containsExactly(1, 3, 4);
    assertThat(batch.targets()).containsExactly(3, 5, 6);
    assertThat(batch.rowLengths()).containsExactly(3, 3);
  }

  @Test
  void stepsCoverAnEpochInOrderAndItsEndIsSmaller() {
    var plan = new BatchIterator.Plan(2, 2, false);
    assertThat(plan.stepsPerEpoch(7)).isEqualTo(2);
    try (var steps = new BatchIterator(ROWS, new EpochOrder(7, 0, false)::epoch, plan, 0, 0)) {
      assertThat(describe(steps.next())).isEqualTo("0 [[0, 1], [2, 3]] -> 0:4");
      assertThat(describe(steps.next())).isEqualTo("0 [[4, 5], [6]] -> 1:0");
      assertThat(describe(steps.next())).isEqualTo("1 [[0, 1], [2, 3]] -> 1:4");
    }
    try (var steps =
        new BatchIterator(
            ROWS, new EpochOrder(7, 0, false)::epoch, new BatchIterator.Plan(2, 2, true), 0, 4)) {
      assertThat(describe(steps.next())).isEqualTo("0 [[4, 5]] -> 1:0");
    }
  }

  @Test
  void aResumedIteratorGoesOnAsTheUnbrokenOne() {
    var order = new EpochOrder(11, 42, true);
    var plan = new BatchIterator.Plan(2, 2, false);
    try (var unbroken = new BatchIterator(ROWS, order::epoch, plan, 0, 0)) {
      for (int i = 0; i < 9; i++) {
        StepBatch step = unbroken.next();
        try (var resumed =
            new BatchIterator(ROWS, order::epoch, plan, step.nextEpoch(), step.nextPosition())) {
          var ahead = new BatchIterator(ROWS, order::epoch, plan, 0, 0);
          for (int skip = 0; skip <= i; skip++) {
            ahead.next();
          }
          assertThat(describe(resumed.next())).isEqualTo(describe(ahead.next()));
          ahead.close();
        }
      }
    }
  }

  @Test
  void failuresReachTheCaller() {
    IntFunction<Example> broken =
        i -> {
          throw new DataException("row 3: gone");
        };
    try (var steps =
        new BatchIterator(
            broken,
            new EpochOrder(3, 0, false)::epoch,
            new BatchIterator.Plan(1, 1, false),
            0,
            0)) {
      assertThatThrownBy(steps::next).hasMessage("row 3: gone");
      assertThatThrownBy(steps::next).hasMessage("row 3: gone");
    }
    try (var steps =
        new BatchIterator(
            ROWS, new EpochOrder(3, 0, false)::epoch, new BatchIterator.Plan(4, 1, true), 0, 0)) {
      assertThatThrownBy(steps::next).hasMessageContaining("no batch in the epoch");
    }
    assertThatThrownBy(() -> new BatchIterator.Plan(0, 1, false)).isInstanceOf(DataException.class);
  }

  private static String describe(StepBatch step) {
    var batches = new ArrayList<List<Integer>>();
    for (MicroBatch batch : step.microBatches()) {
      batches.add(Arrays.stream(batch.ids()).distinct().boxed().toList());
    }
    return step.epoch() + " " + batches + " -> " + step.nextEpoch() + ":" + step.nextPosition();
  }
}
