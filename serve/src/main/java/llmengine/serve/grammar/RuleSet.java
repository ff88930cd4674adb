package llmengine.serve.grammar;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/** Rules by name and what can be said of them: which end, and which may be empty. */
final class RuleSet {
  static final int MOST = 20_000;

  private final String where;
  private final Map<String, Expression> rules;
  private final Set<String> productive;
  private final Set<String> nullable;

  /**
   * @param where names the source in errors
   * @throws GrammarException if a rule is referred to that is not there, or there are too many
   */
  RuleSet(String where, Map<String, Expression> rules) {
    this.where = where;
    this.rules = new LinkedHashMap<>(rules);
    if (rules.size() > MOST) {
      throw GrammarException.of(
          where, "too large", "at most " + MOST + " rules", rules.size() + "", "Make it simpler.");
    }
    Map<String, List<String>> users = users();
    this.productive = fixpoint(users, this::isProductive);
    this.nullable = fixpoint(users, this::isNullable);
  }

  private Map<String, List<String>> users() {
    Map<String, List<String>> users = new HashMap<>();
    rules.forEach(
        (name, body) -> {
          for (String reference : new HashSet<>(body.references())) {
            if (!rules.containsKey(reference)) {
              throw GrammarException.of(
                  where,
                  "rule " + name,
                  "rules that are defined",
                  "\"" + reference + "\"",
                  "Define it.");
            }
            users.computeIfAbsent(reference, r -> new ArrayList<>()).add(name);
          }
        });
    return users;
  }

  /** The rules for which {@code test} holds, given for which it is known to hold. */
  private Set<String> fixpoint(Map<String, List<String>> users, Test test) {
    Set<String> holds = new HashSet<>();
    ArrayDeque<String> open = new ArrayDeque<>(rules.keySet());
    while (!open.isEmpty()) {
      String name = open.remove();
      if (!holds.contains(name) && test.holds(rules.get(name), holds::contains)) {
        holds.add(name);
        open.addAll(users.getOrDefault(name, List.of()));
      }
    }
    return holds;
  }

  private interface Test {
    boolean holds(Expression e, Predicate<String> rule);
  }

  private boolean isProductive(Expression e, Predicate<String> rule) {
    return switch (e) {
      case Expression.Text t -> true;
      case Expression.Special s -> true;
      case Expression.Chars c -> !c.set().isEmpty();
      case Expression.Sequence s -> s.parts().stream().allMatch(p -> isProductive(p, rule));
      case Expression.Choice c -> c.options().stream().anyMatch(o -> isProductive(o, rule));
      case Expression.Repeat r -> r.min() == 0 || isProductive(r.body(), rule);
      case Expression.Rule r -> rule.test(r.name());
    };
  }

  private boolean isNullable(Expression e, Predicate<String> rule) {
    return switch (e) {
      case Expression.Text t -> t.text().isEmpty();
      case Expression.Special s -> false;
      case Expression.Chars c -> false;
      case Expression.Sequence s -> s.parts().stream().allMatch(p -> isNullable(p, rule));
      case Expression.Choice c -> c.options().stream().anyMatch(o -> isNullable(o, rule));
      case Expression.Repeat r -> r.min() == 0 || isNullable(r.body(), rule);
      case Expression.Rule r -> rule.test(r.name());
    };
  }

  String where() {
    return where;
  }

  Collection<String> names() {
    return rules.keySet();
  }

  Expression body(String name) {
    return rules.get(name);
  }

  /** Whether some finite text matches: what never ends may be left out. */
  boolean isProductive(Expression e) {
    return isProductive(e, productive::contains);
  }

  boolean isNullable(Expression e) {
    return isNullable(e, nullable::contains);
  }
}
