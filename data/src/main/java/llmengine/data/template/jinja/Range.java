package llmengine.data.template.jinja;

import java.util.AbstractList;

/** A Python range: numbers {@code start + i * step}. */
final class Range extends AbstractList<Object> {
  /** The sandbox's bound. */
  static final long LIMIT = 100_000;

  private final long start;
  private final long stop;
  private final long step;
  private final int size;

  Range(long start, long stop, long step) {
    if (step == 0) {
      throw new TemplateError("range() arg 3 must not be zero");
    }
    long distance = step > 0 ? Math.subtractExact(stop, start) : Math.subtractExact(start, stop);
    long length = distance <= 0 ? 0 : (distance - 1) / Math.absExact(step) + 1;
    if (length > LIMIT) {
      throw new TemplateError("Range too big. The sandbox blocks ranges larger than " + LIMIT);
    }
    this.start = start;
    this.stop = stop;
    this.step = step;
    this.size = (int) length;
  }

  @Override
  public Object get(int index) {
    return start + index * step;
  }

  @Override
  public int size() {
    return size;
  }

  String repr() {
    return "range(" + start + ", " + stop + (step == 1 ? ")" : ", " + step + ")");
  }
}
