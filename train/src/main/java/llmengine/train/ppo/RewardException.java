package llmengine.train.ppo;

/** A reward server that gave no scores; the run can go on from a checkpoint once it answers. */
public final class RewardException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public RewardException(String message) {
    super(message);
  }

  /** The same with what to do. */
  public RewardException(RewardException cause, String advice) {
    super(cause.getMessage() + " " + advice, cause);
  }
}
