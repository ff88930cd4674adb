package llmengine.engine.file;

import java.util.Collection;
import java.util.stream.Collectors;

/** Tensor names as an error message shows them. */
final class TensorNames {
  private static final int SHOWN = 5;

  private TensorNames() {}

  /** A few of {@code names}, those that share the last part of {@code wanted} first. */
  static String list(Collection<String> names, String wanted) {
    int lastPart = wanted.lastIndexOf('.');
    String tail = wanted.substring(wanted.lastIndexOf('.', lastPart - 1) + 1);
    String shown =
        names.stream()
            .sorted((a, b) -> Boolean.compare(b.endsWith(tail), a.endsWith(tail)))
            .limit(SHOWN)
            .collect(Collectors.joining(", "));
    return names.size() + " tensors (" + shown + (names.size() > SHOWN ? ", ..." : "") + ")";
  }
}
