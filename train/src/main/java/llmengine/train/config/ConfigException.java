package llmengine.train.config;

import java.util.List;

/**
 * The configuration cannot be used. Thrown before a model or dataset is read; carries every problem
 * that was found, each as {@code file:line key: what: expected ..., got .... what to do}.
 */
public final class ConfigException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final transient List<String> problems;

  public ConfigException(List<String> problems) {
    super(
        problems.size() == 1
            ? problems.getFirst()
            : problems.size() + " problems:\n  " + String.join("\n  ", problems));
    this.problems = List.copyOf(problems);
  }

  /** The problems, in the order in which the keys were given. */
  public List<String> problems() {
    return problems;
  }
}
