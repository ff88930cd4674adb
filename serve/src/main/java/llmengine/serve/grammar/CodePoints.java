package llmengine.serve.grammar;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A set of Unicode characters: inclusive ranges, sorted, apart from each other. Surrogates are no
 * characters and never in it.
 */
record CodePoints(List<Range> ranges) {
  static final int MAX = Character.MAX_CODE_POINT;

  record Range(int from, int to) {}

  static final CodePoints NONE = new CodePoints(List.of());
  static final CodePoints ALL = of(0, MAX);

  /** Pairs of first and last character. */
  static CodePoints of(int... bounds) {
    List<Range> ranges = new ArrayList<>();
    for (int i = 0; i < bounds.length; i += 2) {
      ranges.add(new Range(bounds[i], bounds[i + 1]));
    }
    return ofRanges(ranges);
  }

  /** The characters of {@code text}. */
  static CodePoints ofText(String text) {
    return of(text.codePoints().flatMap(c -> Arrays.stream(new int[] {c, c})).toArray());
  }

  static CodePoints ofRanges(List<Range> given) {
    List<Range> whole = new ArrayList<>();
    for (Range r : given) {
      addWithoutSurrogates(r, whole);
    }
    whole.sort((a, b) -> Integer.compare(a.from, b.from));
    List<Range> merged = new ArrayList<>();
    for (Range r : whole) {
      Range last = merged.isEmpty() ? null : merged.getLast();
      if (last != null && r.from <= last.to + 1) {
        merged.set(merged.size() - 1, new Range(last.from, Math.max(last.to, r.to)));
      } else {
        merged.add(r);
      }
    }
    return new CodePoints(List.copyOf(merged));
  }

  private static void addWithoutSurrogates(Range r, List<Range> out) {
    if (r.from < Character.MIN_SURROGATE && r.from <= r.to) {
      out.add(new Range(r.from, Math.min(r.to, Character.MIN_SURROGATE - 1)));
    }
    if (r.to > Character.MAX_SURROGATE && r.from <= r.to) {
      out.add(new Range(Math.max(r.from, Character.MAX_SURROGATE + 1), r.to));
    }
  }

  boolean isEmpty() {
    return ranges.isEmpty();
  }

  boolean contains(int c) {
    return ranges.stream().anyMatch(r -> r.from <= c && c <= r.to);
  }

  CodePoints or(CodePoints other) {
    List<Range> all = new ArrayList<>(ranges);
    all.addAll(other.ranges);
    return ofRanges(all);
  }

  CodePoints not() {
    List<Range> gaps = new ArrayList<>();
    int next = 0;
    for (Range r : ranges) {
      gaps.add(new Range(next, r.from - 1));
      next = r.to + 1;
    }
    gaps.add(new Range(next, MAX));
    return ofRanges(gaps);
  }

  CodePoints and(CodePoints other) {
    return not().or(other.not()).not();
  }

  CodePoints minus(CodePoints other) {
    return and(other.not());
  }
}
