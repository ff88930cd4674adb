package llmengine.data.batch;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.function.IntFunction;
import llmengine.data.DataException;
import llmengine.data.process.Example;

/**
 * Steps without end, epoch after epoch, made ahead of their use on a thread of its own.
 * Micro-batches are cut from an epoch's order of rows one after the other; the last one of an epoch
 * may be smaller, its last step may have fewer of them. Nothing depends on timing.
 */
public final class BatchIterator implements Iterator<StepBatch>, AutoCloseable {
  private static final int AHEAD = 2;

  /**
   * What is cut into steps: {@code batchSize} rows per micro-batch, {@code accumulation} of them
   * per step.
   */
  public record Plan(int batchSize, int accumulation, boolean dropLast) {
    public Plan {
      if (batchSize < 1 || accumulation < 1) {
        throw new DataException(
            "batches: expected per_device_train_batch_size and gradient_accumulation_steps >= 1,"
                + " got "
                + batchSize
                + " and "
                + accumulation
                + ".");
      }
    }

    /** Optimizer steps of an epoch of {@code rows} rows. */
    public int stepsPerEpoch(int rows) {
      int batches = dropLast ? rows / batchSize : Math.ceilDiv(rows, batchSize);
      return Math.ceilDiv(batches, accumulation);
    }
  }

  private final IntFunction<Example> rows;
  private final IntFunction<int[]> order;
  private final Plan plan;
  private final BlockingQueue<Object> ready = new ArrayBlockingQueue<>(AHEAD);
  private final Thread producer;
  private Object failed;

  /**
   * @param rows a row by number, such as {@code dataset::get}
   * @param order the rows of an epoch (from 0), such as {@code epochOrder::epoch}
   * @param epoch epoch to start in
   * @param position rows of that epoch already used
   */
  public BatchIterator(
      IntFunction<Example> rows, IntFunction<int[]> order, Plan plan, int epoch, int position) {
    this.rows = rows;
    this.order = order;
    this.plan = plan;
    producer = Thread.ofPlatform().daemon().name("batches").start(() -> produce(epoch, position));
  }

  @Override
  public boolean hasNext() {
    return true;
  }

  @Override
  public StepBatch next() {
    try {
      Object item = failed == null ? ready.take() : failed;
      if (item instanceof StepBatch step) {
        return step;
      }
      failed = item;
      if (item instanceof DataException reason) {
        throw reason;
      }
      throw new DataException("batches: failed: " + item, (Throwable) item);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DataException("batches: interrupted.", e);
    }
  }

  @Override
  public void close() {
    producer.interrupt();
    try {
      producer.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void produce(int firstEpoch, int firstPosition) {
    try {
      int position = firstPosition;
      for (int epoch = firstEpoch; ; epoch++) {
        int[] ids = order.apply(epoch);
        int end = plan.dropLast() ? ids.length - ids.length % plan.batchSize() : ids.length;
        if (end == 0 || position > end) {
          throw new DataException(
              "batches: no batch in the epoch: expected at least "
                  + Math.max(position, plan.dropLast() ? plan.batchSize() : 1)
                  + " rows, got "
                  + ids.length
                  + ". Was the dataset changed since the checkpoint?");
        }
        while (position < end) {
          List<MicroBatch> batches = new ArrayList<>();
          while (batches.size() < plan.accumulation() && position < end) {
            int to = Math.min(position + plan.batchSize(), end);
            batches.add(collate(ids, position, to));
            position = to;
          }
          boolean last = position == end;
          ready.put(
              new StepBatch(
                  epoch, last ? epoch + 1 : epoch, last ? 0 : position, List.copyOf(batches)));
        }
        position = 0;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // closed
    } catch (RuntimeException | Error e) {
      fail(e);
    }
  }

  private MicroBatch collate(int[] ids, int from, int to) {
    var examples = new ArrayList<Example>(to - from);
    for (int i = from; i < to; i++) {
      examples.add(rows.apply(ids[i]));
    }
    return Collator.collate(examples, Arrays.copyOfRange(ids, from, to));
  }

  private void fail(Throwable reason) {
    try {
      ready.put(reason);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // closed
    }
  }
}
