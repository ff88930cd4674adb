package llmengine.serve.grammar;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;

/**
 * Decimals within bounds, without an exponent: below the point up to 18 digits, of which those that
 * decide whether a bound is kept come first.
 */
final class DecimalRange {
  private static final int DIGITS = 18;
  private static final Expression DIGIT = Expression.chars('0', '9');
  private static final BigDecimal LARGEST = BigDecimal.TEN.pow(DIGITS);

  private DecimalRange() {}

  static Expression expression(NumberRules.Bound low, NumberRules.Bound high, String path) {
    NumberRules.Bound from = cut(low, -1, path);
    NumberRules.Bound to = cut(high, 1, path);
    List<Expression> options = new ArrayList<>();
    NumberRules.Bound zero = new NumberRules.Bound(BigDecimal.ZERO, true);
    if (from.value().signum() < 0) {
      NumberRules.Bound most = new NumberRules.Bound(from.value().negate(), from.included());
      boolean negative = to.value().signum() < 0;
      NumberRules.Bound least =
          negative
              ? new NumberRules.Bound(to.value().negate(), to.included())
              : new NumberRules.Bound(BigDecimal.ZERO, to.value().signum() > 0 || to.included());
      options.add(Expression.sequence(Expression.text("-"), positive(least, most)));
    }
    if (to.value().signum() >= 0) {
      options.add(positive(from.value().signum() < 0 ? zero : from, to));
    }
    return Expression.choice(options);
  }

  private static NumberRules.Bound cut(NumberRules.Bound bound, int sign, String path) {
    BigDecimal end = LARGEST.multiply(BigDecimal.valueOf(sign));
    if (bound == null) {
      return new NumberRules.Bound(end, false);
    }
    if (bound.value().stripTrailingZeros().scale() > DIGITS) {
      throw SchemaKeywords.problem(
          path, "bound", "at most " + DIGITS + " digits after the point", bound.value() + "");
    }
    boolean beyond = bound.value().multiply(BigDecimal.valueOf(sign)).compareTo(LARGEST) > 0;
    return beyond ? new NumberRules.Bound(end, false) : bound;
  }

  /** Numbers of at least 0 between two bounds of at least 0. */
  private static Expression positive(NumberRules.Bound from, NumberRules.Bound to) {
    BigInteger low = from.value().setScale(0, RoundingMode.FLOOR).toBigInteger();
    BigInteger high = to.value().setScale(0, RoundingMode.FLOOR).toBigInteger();
    String lowRest = fraction(from.value(), low);
    String highRest = fraction(to.value(), high);
    List<Expression> options = new ArrayList<>();
    if (low.equals(high)) {
      options.add(
          Expression.sequence(
              Expression.text(low.toString()),
              pointed(within(lowRest, from.included(), highRest, to.included(), DIGITS))));
      return Expression.choice(options);
    }
    if (low.compareTo(high) > 0) {
      return Expression.choice(options);
    }
    options.add(
        Expression.sequence(
            Expression.text(low.toString()), pointed(above(lowRest, from.included(), DIGITS))));
    options.add(
        Expression.sequence(
            Expression.text(high.toString()), pointed(below(highRest, to.included(), DIGITS))));
    BigInteger next = low.add(BigInteger.ONE);
    if (next.compareTo(high) < 0) {
      Expression any = Expression.repeat(DIGIT, 0, DIGITS);
      options.add(
          Expression.sequence(
              NumberRules.integers(next, high.subtract(BigInteger.ONE)), pointed(any)));
    }
    return Expression.choice(options);
  }

  private static String fraction(BigDecimal value, BigInteger whole) {
    String digits =
        value
            .subtract(new BigDecimal(whole))
            .setScale(DIGITS, RoundingMode.UNNECESSARY)
            .toPlainString()
            .substring(2);
    return digits.replaceFirst("0+$", "");
  }

  /**
   * A point and digits, or neither: {@code digits} is what may follow the point, and if it may be
   * empty the point may go too.
   */
  private static Expression pointed(Expression digits) {
    Expression some = Expression.sequence(Expression.text("."), nonEmpty(digits));
    return isNullable(digits) ? Expression.optional(some) : some;
  }

  private static boolean isNullable(Expression e) {
    return switch (e) {
      case Expression.Repeat r -> r.min() == 0;
      case Expression.Sequence s -> s.parts().stream().allMatch(DecimalRange::isNullable);
      case Expression.Choice c -> c.options().stream().anyMatch(DecimalRange::isNullable);
      default -> false;
    };
  }

  /** What {@code digits} matches but for the empty text. */
  private static Expression nonEmpty(Expression digits) {
    if (!isNullable(digits)) {
      return digits;
    }
    return switch (digits) {
      case Expression.Repeat r -> Expression.repeat(r.body(), Math.min(1, r.max()), r.max());
      case Expression.Choice c ->
          Expression.choice(c.options().stream().map(DecimalRange::nonEmpty).toList());
      default -> Expression.choice(); // the empty sequence
    };
  }

  /** Digits, possibly none, of a fraction at least (or above) 0.{@code bound}. */
  private static Expression above(String bound, boolean included, int left) {
    Expression any = Expression.repeat(DIGIT, 0, left);
    if (bound.isEmpty()) {
      return included ? any : positiveDigits(left);
    }
    int d = bound.charAt(0);
    List<Expression> options = new ArrayList<>();
    options.add(
        Expression.sequence(Expression.chars(d, d), above(bound.substring(1), included, left - 1)));
    if (d < '9') {
      options.add(
          Expression.sequence(Expression.chars(d + 1, '9'), Expression.repeat(DIGIT, 0, left - 1)));
    }
    return Expression.choice(options);
  }

  /** Digits with one among them that is not 0. */
  private static Expression positiveDigits(int left) {
    return Expression.sequence(
        Expression.repeat(Expression.text("0"), 0, left / 2),
        Expression.chars('1', '9'),
        Expression.repeat(DIGIT, 0, Math.max(0, left - left / 2 - 1)));
  }

  /** Digits, possibly none, of a fraction at most (or below) 0.{@code bound}. */
  private static Expression below(String bound, boolean included, int left) {
    if (bound.isEmpty()) {
      return included ? Expression.repeat(Expression.text("0"), 0, left) : Expression.choice();
    }
    int d = bound.charAt(0);
    List<Expression> options = new ArrayList<>();
    options.add(Expression.EMPTY); // 0 is below
    if (d > '0') {
      options.add(
          Expression.sequence(Expression.chars('0', d - 1), Expression.repeat(DIGIT, 0, left - 1)));
    }
    options.add(
        Expression.sequence(Expression.chars(d, d), below(bound.substring(1), included, left - 1)));
    return Expression.choice(options);
  }

  private static Expression within(
      String low, boolean lowIncluded, String high, boolean highIncluded, int left) {
    if (low.isEmpty() && lowIncluded) {
      return below(high, highIncluded, left);
    }
    if (high.isEmpty()) {
      return Expression.choice(); // nothing lies between
    }
    char a = low.isEmpty() ? '0' : low.charAt(0);
    char b = high.charAt(0);
    String lowRest = low.isEmpty() ? "" : low.substring(1);
    String highRest = high.substring(1);
    if (a > b) {
      return Expression.choice();
    }
    if (a == b) {
      return Expression.sequence(
          Expression.chars(a, a), within(lowRest, lowIncluded, highRest, highIncluded, left - 1));
    }
    List<Expression> options = new ArrayList<>();
    options.add(Expression.sequence(Expression.chars(a, a), above(lowRest, lowIncluded, left - 1)));
    if (a + 1 < b) {
      options.add(
          Expression.sequence(
              Expression.chars(a + 1, b - 1), Expression.repeat(DIGIT, 0, left - 1)));
    }
    options.add(
        Expression.sequence(Expression.chars(b, b), below(highRest, highIncluded, left - 1)));
    return Expression.choice(options);
  }
}
