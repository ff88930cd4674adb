package llmengine.engine;

/**
 * Is told of the ops of all passes that its thread runs in {@link Tape#listen}, as they end, so
 * that it can tell where time goes. {@code where} is the op's place in the model and its name, as
 * in {@code model.layers.3.mlp.gated}; names of ops have no dots.
 */
public interface OpListener {
  /** A pass or its way back begins: what was done since the last call belongs to no op. */
  void passBegins();

  /**
   * An op of a forward pass has ended.
   *
   * @param again whether the way back computed it again
   */
  void forward(String where, boolean again);

  /** The derivative of an op has been computed. */
  void backward(String where);
}
