package llmengine.engine;

/**
 * Constants of an attention layer: {@code heads} H query heads share {@code kvHeads} Hkv key/value
 * heads of width {@code headDim} D; scores are {@code scale * q.k}, then {@code softcap *
 * tanh(score / softcap)} if softcap > 0; a query sees the last {@code window} keys up to itself if
 * window > 0, else all.
 */
public record AttentionShape(
    int heads, int kvHeads, int headDim, float scale, int window, float softcap) {
  public AttentionShape {
    if (heads < 1 || kvHeads < 1 || heads % kvHeads != 0 || headDim < 1) {
      throw new ShapeException(
          "attention: expected heads to be a multiple of kvHeads, got "
              + heads
              + " heads and "
              + kvHeads
              + " kvHeads of width "
              + headDim
              + ".");
    }
  }

  /** Causal attention over everything before, scores scaled by 1/sqrt(D). */
  public static AttentionShape causal(int heads, int kvHeads, int headDim) {
    return new AttentionShape(heads, kvHeads, headDim, (float) (1 / Math.sqrt(headDim)), 0, 0);
  }
}
