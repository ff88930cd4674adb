package llmengine.serve.grammar;

import java.util.Arrays;

/**
 * A grammar as a pushdown automaton over bytes: nodes in arrays, one automaton per rule. Special
 * tokens are symbols above the bytes.
 */
final class Program {
  /** Takes a byte from {@code a} to {@code b}, then goes on at {@code next}. */
  static final byte RANGE = 0;

  /** Takes special token {@code a}, then goes on at {@code next}. */
  static final byte SPECIAL = 1;

  /** Goes on at any of {@code targets}. */
  static final byte SPLIT = 2;

  /** Runs the rule that starts at {@code a}, then goes on at {@code next}. */
  static final byte CALL = 3;

  /**
   * Runs the body that starts at {@code targets[0]} at least {@code a} and at most {@code b} times
   * (-1: any number), then goes on at {@code next}.
   */
  static final byte LOOP = 4;

  /** The end of a rule or of a loop's body. */
  static final byte END = 5;

  final byte[] kind;
  final int[] a;
  final int[] b;
  final int[] next;
  final int[][] targets;
  final int start;
  final String[] specials;
  final String where;

  Program(
      String where,
      byte[] kind,
      int[] a,
      int[] b,
      int[] next,
      int[][] targets,
      int count,
      int start,
      String[] specials) {
    this.where = where;
    this.kind = Arrays.copyOf(kind, count);
    this.a = Arrays.copyOf(a, count);
    this.b = Arrays.copyOf(b, count);
    this.next = Arrays.copyOf(next, count);
    this.targets = Arrays.copyOf(targets, count);
    this.start = start;
    this.specials = specials;
  }

  int nodes() {
    return kind.length;
  }
}
