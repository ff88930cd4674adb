package llmengine.train.config;

import java.util.List;
import llmengine.nn.optim.Projection;

/** APOLLO: gradients scaled by what Adam makes of a projection of them to a low rank. */
@Section(value = "APOLLO", trainingOnly = true)
public record ApolloArguments(
    @Key(
            preset = "false",
            doc =
                "Scales the gradients of linear layers as Adam scales their projections; with"
                    + " finetuning_type full or freeze, and optim adamw_torch.")
        boolean useApollo,
    @Key(
            preset = "all",
            doc = "Parts of names of the linear layers treated so; all is every one but lm_head.")
        List<String> apolloTarget,
    @Key(preset = "16", min = 1, doc = "Rank of projected gradients.") int apolloRank,
    @Key(preset = "200", min = 1, doc = "Steps until the projection is renewed.")
        int apolloUpdateInterval,
    @Key(preset = "32.0", above = 0, doc = "Updates are multiplied by its square root.")
        double apolloScale,
    @Key(preset = "random", doc = "Gaussian projections, or the gradient's singular vectors.")
        Source apolloProj,
    @Key(preset = "std", doc = "Projected side: the longer one (std) or a fixed one.")
        Side apolloProjType,
    @Key(preset = "channel", doc = "One factor for each channel, or one for the whole matrix.")
        Scale apolloScaleType,
    @Key(preset = "false", doc = "Scales before the limit on the update's growth, not after it.")
        boolean apolloScaleFront,
    @Key(
            preset = "false",
            doc =
                "Updates each weight in the backward pass, as soon as its gradient is complete:"
                    + " gradients of one matrix at a time. Nothing is clipped then.")
        boolean apolloLayerwise) {

  /** Where projections come from. */
  public enum Source {
    RANDOM,
    SVD
  }

  /** Which side is projected. */
  public enum Side {
    STD,
    LEFT,
    RIGHT;

    public Projection.Type type() {
      return Projection.Type.valueOf(name());
    }
  }

  /** What shares a factor. */
  public enum Scale {
    CHANNEL,
    TENSOR
  }
}
