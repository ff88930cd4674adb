package llmengine.nn.optim;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import llmengine.nn.Parameter;

/**
 * Parameters that are updated alike.
 *
 * @param learningRateFactor multiplies the step's learning rate
 * @param weightDecay per step and learning rate
 */
public record ParameterGroup(
    List<Parameter> parameters, double learningRateFactor, double weightDecay) {
  // The rule of the Hugging Face Trainer for what is not decayed, on lower-case names.
  private static final Pattern NOT_DECAYED =
      Pattern.compile("bias|layernorm|rmsnorm|(?:^|\\.)norm(?:$|\\.)|_norm(?:$|\\.)");

  public ParameterGroup {
    parameters = List.copyOf(parameters);
  }

  /** Whether weight decay applies to a parameter of this name: not to biases and norms. */
  public static boolean isDecayed(String name) {
    return !NOT_DECAYED.matcher(name.toLowerCase(Locale.ROOT)).find();
  }

  /**
   * Two groups, split by {@link #isDecayed}: the first with this weight decay, the second without.
   */
  public static List<ParameterGroup> byName(List<Parameter> parameters, double weightDecay) {
    List<Parameter> decayed = new ArrayList<>();
    List<Parameter> plain = new ArrayList<>();
    for (Parameter p : parameters) {
      (isDecayed(p.name()) ? decayed : plain).add(p);
    }
    return List.of(new ParameterGroup(decayed, 1, weightDecay), new ParameterGroup(plain, 1, 0));
  }

  /**
   * Groups of LoRA+ (Hayou et al. 2024), as LLaMA-Factory makes them: matrices {@code lora_B} and
   * all vectors learn {@code ratio} times as fast as the rest, {@code lora_embedding_B} at a rate
   * of its own. Of all these only vectors may be spared the weight decay.
   *
   * @param embeddingFactor the rate of {@code lora_embedding_B} as a multiple of the step's
   */
  public static List<ParameterGroup> loraPlus(
      List<Parameter> parameters, double weightDecay, double ratio, double embeddingFactor) {
    List<Parameter> slow = new ArrayList<>();
    List<Parameter> fast = new ArrayList<>();
    List<Parameter> fastPlain = new ArrayList<>();
    List<Parameter> table = new ArrayList<>();
    for (Parameter p : parameters) {
      if (p.name().contains("lora_embedding_B")) {
        table.add(p);
      } else if (p.name().contains("lora_B") || p.value().shape().rank() == 1) {
        (isDecayed(p.name()) ? fast : fastPlain).add(p);
      } else {
        slow.add(p);
      }
    }
    return List.of(
        new ParameterGroup(slow, 1, weightDecay),
        new ParameterGroup(fast, ratio, weightDecay),
        new ParameterGroup(fastPlain, ratio, 0),
        new ParameterGroup(table, embeddingFactor, weightDecay));
  }
}
