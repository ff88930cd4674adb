package llmengine.serve.grammar;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Finds rules that reach themselves without taking a character: the recogniser would not end. */
final class LeftRecursion {
  private final RuleSet rules;
  private final Collection<String> names;

  LeftRecursion(RuleSet rules, Collection<String> names) {
    this.rules = rules;
    this.names = names;
  }

  /** A {@link GrammarException} naming the circle if there is one. */
  void check() {
    Map<String, Iterator<String>> open = new HashMap<>();
    Set<String> done = new LinkedHashSet<>();
    for (String root : names) {
      List<String> path = new ArrayList<>();
      enter(root, open, path, done);
      while (!path.isEmpty()) {
        String last = path.getLast();
        Iterator<String> callees = open.get(last);
        if (!callees.hasNext()) {
          path.removeLast();
          open.remove(last);
          done.add(last);
          continue;
        }
        String callee = callees.next();
        if (open.containsKey(callee)) {
          List<String> circle = path.subList(path.indexOf(callee), path.size());
          throw GrammarException.of(
              rules.where(),
              "left recursion",
              "rules that take a character before they come to themselves",
              String.join(" -> ", circle) + " -> " + callee,
              "Write it with a repetition.");
        }
        enter(callee, open, path, done);
      }
    }
  }

  private void enter(
      String name, Map<String, Iterator<String>> open, List<String> path, Set<String> done) {
    if (!done.contains(name)) {
      Set<String> first = new LinkedHashSet<>();
      leftmost(rules.body(name), first);
      open.put(name, first.iterator());
      path.add(name);
    }
  }

  /** Collects the rules that {@code e} may start with. */
  private void leftmost(Expression e, Set<String> out) {
    switch (e) {
      case Expression.Rule r -> {
        if (rules.isProductive(r)) {
          out.add(r.name());
        }
      }
      case Expression.Sequence s -> {
        if (rules.isProductive(s)) {
          for (Expression part : s.parts()) {
            leftmost(part, out);
            if (!rules.isNullable(part)) {
              break;
            }
          }
        }
      }
      case Expression.Choice c -> c.options().forEach(option -> leftmost(option, out));
      case Expression.Repeat r -> leftmost(r.body(), out);
      case Expression.Text t -> {}
      case Expression.Chars c -> {}
      case Expression.Special s -> {}
    }
  }
}
