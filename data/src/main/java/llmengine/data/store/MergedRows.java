package llmengine.data.store;

import java.util.List;
import java.util.function.IntUnaryOperator;
import llmengine.data.AlignedRow;
import llmengine.data.DataException;
import llmengine.data.convert.Converter;
import llmengine.data.source.DatasetSpec;
import llmengine.data.source.RowSource;

/**
 * Rows of several datasets in one order: entry i of {@code order} is dataset (high 32 bits) and row
 * (low 32 bits).
 */
public final class MergedRows implements RowFeed {
  private final List<DatasetSpec> specs;
  private final List<RowSource> sources;
  private final List<Converter> converters;
  private final long[] order;

  public MergedRows(List<DatasetSpec> specs, List<RowSource> sources, long[] order) {
    this.specs = List.copyOf(specs);
    this.sources = List.copyOf(sources);
    this.converters = specs.stream().map(Converter::of).toList();
    this.order = order;
  }

  /** {@code count} of these rows: place i shows row {@code rows(i)}. */
  public MergedRows select(int count, IntUnaryOperator rows) {
    long[] selected = new long[count];
    for (int i = 0; i < count; i++) {
      selected[i] = order[rows.applyAsInt(i)];
    }
    return new MergedRows(specs, sources, selected);
  }

  @Override
  public int size() {
    return order.length;
  }

  @Override
  public AlignedRow row(int index) {
    var raw = sources.get(source(index)).row(index(index));
    try {
      return converters.get(source(index)).convert(raw);
    } catch (DataException e) {
      throw new DataException(where(index) + ": " + e.getMessage(), e);
    }
  }

  @Override
  public String dataset(int index) {
    return specs.get(source(index)).name();
  }

  @Override
  public int index(int index) {
    return (int) order[index];
  }

  @Override
  public String where(int index) {
    return sources.get(source(index)).where(index(index));
  }

  private int source(int index) {
    return (int) (order[index] >>> 32);
  }
}
