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
}
