package llmengine.data.template.jinja;

import java.util.List;

/** A Python tuple; elements may be null. */
record Tuple(List<Object> elements) {
  static Tuple of(Object... elements) {
    return new Tuple(java.util.Arrays.asList(elements));
  }
}
