package llmengine.peft;

import java.util.List;
import java.util.regex.Pattern;

/** Which layers an adapter sits on, as PEFT's {@code target_modules}. */
public sealed interface Targets {
  /** Every linear layer but the output projection: {@code lora_target: all}. */
  record All() implements Targets {
    @Override
    public boolean matches(String module) {
      return !module.equals("lm_head");
    }
  }

  /** Modules with one of these names, whole or as the last parts after a dot. */
  record Names(List<String> names) implements Targets {
    public Names {
      names = List.copyOf(names);
    }

    @Override
    public boolean matches(String module) {
      return names.stream().anyMatch(n -> module.equals(n) || module.endsWith("." + n));
    }
  }

  /** Modules whose whole name matches. */
  record Regex(String pattern) implements Targets {
    @Override
    public boolean matches(String module) {
      return Pattern.matches(pattern, module);
    }
  }

  boolean matches(String module);

  /** From a configured list of names, in which {@code all} alone stands for every linear layer. */
  static Targets of(List<String> names) {
    return names.equals(List.of("all")) ? new All() : new Names(names);
  }
}
