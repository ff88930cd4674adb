package llmengine.serve.grammar;

import java.util.Arrays;
import llmengine.nn.generate.TokenConstraint;

/**
 * Keeps one answer within a grammar. Where the answer is whole, stop ids may come; where it is
 * whole and nothing may follow, only they do.
 *
 * <p>A vocabulary without a token for each byte may be unable to spell what the grammar demands;
 * then the answer ends by a stop id and {@link #isComplete} stays false.
 */
public final class GrammarConstraint implements TokenConstraint {
  private final TokenMasks masks;
  private final int[] stopIds;
  private State state;
  private boolean stopped;

  GrammarConstraint(TokenMasks masks) {
    this(masks, masks.stopIds(), masks.start());
  }

  private GrammarConstraint(TokenMasks masks, int[] stopIds, State state) {
    this.masks = masks;
    this.stopIds = stopIds;
    this.state = state;
  }

  @Override
  public void mask(float[] logits) {
    float[] stops = new float[stopIds.length];
    for (int i = 0; i < stops.length; i++) {
      stops[i] = logits[stopIds[i]];
    }
    boolean stuck = true;
    if (stopped) {
      Arrays.fill(logits, Float.NEGATIVE_INFINITY);
    } else {
      IdSet allowed = masks.allowed(state);
      allowed.mask(logits);
      stuck = allowed.isEmpty();
    }
    boolean mayStop = stuck || state.complete;
    for (int i = 0; i < stops.length; i++) {
      logits[stopIds[i]] = mayStop ? stops[i] : Float.NEGATIVE_INFINITY;
    }
  }

  /**
   * {@inheritDoc}
   *
   * @throws GrammarException if the id may not come here: then it was chosen without the mask
   */
  @Override
  public void accept(int id) {
    if (Arrays.binarySearch(stopIds, id) >= 0) {
      stopped = true;
      return;
    }
    State after = stopped ? Recogniser.DEAD : masks.after(state, id);
    if (after.isDead()) {
      throw GrammarException.of(
          "grammar", "token " + id, "an id that the mask allows", "another", "Apply the mask.");
    }
    state = after;
  }

  @Override
  public GrammarConstraint fork() {
    GrammarConstraint copy = new GrammarConstraint(masks, stopIds, state);
    copy.stopped = stopped;
    return copy;
  }

  /** Whether the text so far is whole. */
  public boolean isComplete() {
    return state.complete;
  }
}
