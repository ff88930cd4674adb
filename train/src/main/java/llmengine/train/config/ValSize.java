package llmengine.train.config;

/** How much of the training data is held out for evaluation. */
public sealed interface ValSize {

  /** Nothing is held out. */
  record None() implements ValSize {}

  /** This many rows are held out (at least 1). */
  record Rows(int count) implements ValSize {}

  /** This share of the rows, above 0 and below 1, is held out, rounded up. */
  record Share(double fraction) implements ValSize {}

  /** Whether anything is held out. */
  default boolean isGiven() {
    return !(this instanceof None);
  }
}
