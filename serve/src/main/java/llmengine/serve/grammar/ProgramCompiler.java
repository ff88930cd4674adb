package llmengine.serve.grammar;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Compiles rules to a {@link Program}, each expression from its end to its start. */
final class ProgramCompiler {
  static final int MOST_NODES = 1 << 20;
  // repetitions up to this many nodes are copied; longer ones count
  private static final int COPIED = 96;

  private final RuleSet rules;
  private final Map<String, Integer> starts = new LinkedHashMap<>();
  private final ArrayDeque<String> waiting = new ArrayDeque<>();
  private final Map<String, List<Integer>> calls = new HashMap<>();
  private final Map<String, Integer> specials = new LinkedHashMap<>();
  private byte[] kind = new byte[256];
  private int[] a = new int[256];
  private int[] b = new int[256];
  private int[] next = new int[256];
  private int[][] targets = new int[256][];
  private int count;
  private final int end;

  private ProgramCompiler(RuleSet rules) {
    this.rules = rules;
    this.end = add(Program.END, 0, 0, -1);
  }

  /**
   * The program of {@code root}; a {@link GrammarException} if it matches no finite text, is left
   * recursive or too large.
   */
  static Program compile(RuleSet rules, String root) {
    if (!rules.isProductive(rules.body(root))) {
      throw GrammarException.of(
          rules.where(),
          "rule " + root,
          "some text that matches",
          "a rule that never ends or contradicts itself",
          "Give the recursion a way out.");
    }
    var compiler = new ProgramCompiler(rules);
    int start = compiler.start(root);
    while (!compiler.waiting.isEmpty()) {
      String name = compiler.waiting.remove();
      int first = compiler.compile(rules.body(name), compiler.end);
      compiler.starts.put(name, first);
    }
    compiler.link();
    new LeftRecursion(rules, compiler.starts.keySet()).check();
    Program program =
        new Program(
            rules.where(),
            compiler.kind,
            compiler.a,
            compiler.b,
            compiler.next,
            compiler.targets,
            compiler.count,
            compiler.starts.get(root),
            compiler.specials.keySet().toArray(String[]::new));
    assert start == -1;
    return program;
  }

  /** Sees to it that the rule is compiled once; its start is known later. */
  private int start(String name) {
    if (!starts.containsKey(name)) {
      starts.put(name, -1);
      waiting.add(name);
    }
    return -1;
  }

  private void link() {
    calls.forEach((name, nodes) -> nodes.forEach(node -> a[node] = starts.get(name)));
  }

  private int compile(Expression e, int then) {
    return switch (e) {
      case Expression.Text t -> text(t.text(), then);
      case Expression.Chars c -> chars(c.set(), then);
      case Expression.Sequence s -> {
        int node = then;
        for (int i = s.parts().size() - 1; i >= 0; i--) {
          node = compile(s.parts().get(i), node);
        }
        yield node;
      }
      case Expression.Choice c -> {
        List<Integer> options = new ArrayList<>();
        for (Expression option : c.options()) {
          if (rules.isProductive(option)) {
            options.add(compile(option, then));
          }
        }
        yield split(options);
      }
      case Expression.Repeat r -> repeat(r, then);
      case Expression.Rule r -> {
        int node = add(Program.CALL, start(r.name()), 0, then);
        calls.computeIfAbsent(r.name(), n -> new ArrayList<>()).add(node);
        yield node;
      }
      case Expression.Special s ->
          add(Program.SPECIAL, specials.computeIfAbsent(s.token(), t -> specials.size()), 0, then);
    };
  }

  private int text(String text, int then) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int node = then;
    for (int i = bytes.length - 1; i >= 0; i--) {
      node = add(Program.RANGE, bytes[i] & 0xFF, bytes[i] & 0xFF, node);
    }
    return node;
  }

  private int chars(CodePoints set, int then) {
    Map<List<Integer>, Integer> shared = new HashMap<>();
    List<Integer> options = new ArrayList<>();
    for (int[] sequence : Utf8Ranges.split(set)) {
      int node = then;
      for (int i = sequence.length - 2; i >= 0; i -= 2) {
        int from = sequence[i];
        int to = sequence[i + 1];
        int after = node;
        node =
            shared.computeIfAbsent(
                List.of(from, to, after), k -> add(Program.RANGE, from, to, after));
      }
      options.add(node);
    }
    return split(options);
  }

  private int repeat(Expression.Repeat r, int then) {
    Expression body = r.body();
    if (r.max() == 0 || !rules.isProductive(body)) {
      return then; // min is 0, else the rule were not productive
    }
    boolean endless = r.max() < 0;
    int min = rules.isNullable(body) ? 0 : r.min();
    int copies = endless ? Math.max(min, 1) : r.max();
    if ((long) copies * size(body, COPIED) > COPIED && copies > 1) {
      return loop(body, min, r.max(), then);
    }
    int node = then;
    if (endless) {
      int loop = add(Program.SPLIT, 0, 0, -1);
      int first = compile(body, loop);
      targets[loop] = new int[] {first, then};
      if (min == 0) {
        return loop;
      }
      node = first;
      min--;
    } else {
      for (int i = min; i < r.max(); i++) {
        node = split(List.of(compile(body, node), then));
      }
    }
    for (int i = 0; i < min; i++) {
      node = compile(body, node);
    }
    return node;
  }

  private int loop(Expression body, int min, int max, int then) {
    if (max >= 0 && rules.isNullable(body)) {
      throw GrammarException.of(
          rules.where(),
          "a repetition",
          "a body that is never empty, or a small bound",
          "up to " + max + " of what may be empty",
          "Repeat what is not empty.");
    }
    int node = add(Program.LOOP, min, max, then);
    targets[node] = new int[] {compile(body, end)};
    return node;
  }

  /** Rough number of nodes, or more than {@code most}. */
  private static int size(Expression e, int most) {
    long size =
        switch (e) {
          case Expression.Text t -> t.text().length();
          case Expression.Chars c -> Math.max(1, 2L * c.set().ranges().size());
          case Expression.Repeat r ->
              (long) size(r.body(), most) * Math.max(1, Math.max(r.min(), r.max())) + 1;
          case Expression.Rule r -> 1;
          case Expression.Special s -> 1;
          case Expression.Sequence s -> sum(s.parts(), most);
          case Expression.Choice c -> sum(c.options(), most) + 1;
        };
    return (int) Math.min(size, most + 1L);
  }

  private static long sum(List<Expression> parts, int most) {
    long sum = 0;
    for (Expression part : parts) {
      sum += size(part, most);
      if (sum > most) {
        break;
      }
    }
    return sum;
  }

  private int split(List<Integer> options) {
    if (options.size() == 1) {
      return options.getFirst();
    }
    int node = add(Program.SPLIT, 0, 0, -1);
    targets[node] = options.stream().mapToInt(Integer::intValue).toArray();
    return node;
  }

  private int add(byte nodeKind, int first, int second, int then) {
    if (count == MOST_NODES) {
      throw GrammarException.of(
          rules.where(),
          "too large",
          "at most " + MOST_NODES + " nodes",
          "more",
          "Make it simpler or its bounds smaller.");
    }
    if (count == kind.length) {
      int more = 2 * count;
      kind = Arrays.copyOf(kind, more);
      a = Arrays.copyOf(a, more);
      b = Arrays.copyOf(b, more);
      next = Arrays.copyOf(next, more);
      targets = Arrays.copyOf(targets, more);
    }
    kind[count] = nodeKind;
    a[count] = first;
    b[count] = second;
    next[count] = then;
    return count++;
  }
}
