package llmengine.serve.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** A number within bounds. */
final class NumberRules {
  private static final Set<String> FORMATS = Set.of("int64", "int32", "float", "double");
  private static final int DIGITS = 18;
  private static final BigInteger LARGEST = BigInteger.TEN.pow(DIGITS).subtract(BigInteger.ONE);

  private NumberRules() {}

  static Expression expression(boolean integer, ObjectNode schema, String path) {
    JsonNode multiple = schema.get("multipleOf");
    boolean whole = integer;
    if (multiple != null) {
      if (!multiple.isNumber() || multiple.decimalValue().compareTo(BigDecimal.ONE) != 0) {
        throw SchemaKeywords.unsupported(path, "multipleOf", "no step but 1");
      }
      whole = true;
    }
    Bound low = bound(schema, "minimum", "exclusiveMinimum", path, 1);
    Bound high = bound(schema, "maximum", "exclusiveMaximum", path, -1);
    if (schema.has("format")) {
      String format = schema.get("format").asText();
      if (!FORMATS.contains(format)) {
        throw SchemaKeywords.problem(
            path, "format is not supported", "one of " + FORMATS, "\"" + format + "\"");
      }
      if (format.equals("int32")) {
        low = low == null ? new Bound(BigDecimal.valueOf(Integer.MIN_VALUE), true) : low;
        high = high == null ? new Bound(BigDecimal.valueOf(Integer.MAX_VALUE), true) : high;
        whole = true;
      }
    }
    if (low == null && high == null) {
      return whole ? JsonText.INTEGER : JsonText.NUMBER;
    }
    Expression within =
        whole ? integers(low, high, path) : DecimalRange.expression(low, high, path);
    return within;
  }

  /** One end of a range. */
  record Bound(BigDecimal value, boolean included) {}

  /** The tighter of an inclusive and an exclusive bound; null if there is none. */
  private static Bound bound(
      ObjectNode schema, String inclusive, String exclusive, String path, int sign) {
    BigDecimal with = SchemaKeywords.number(schema, inclusive, path);
    BigDecimal without = SchemaKeywords.number(schema, exclusive, path);
    if (without == null) {
      return with == null ? null : new Bound(with, true);
    }
    return with == null || Integer.signum(without.compareTo(with)) * sign >= 0
        ? new Bound(without, false)
        : new Bound(with, true);
  }

  private static Expression integers(Bound low, Bound high, String path) {
    BigInteger from = LARGEST.negate();
    BigInteger to = LARGEST;
    if (low != null) {
      BigInteger up = low.value.setScale(0, RoundingMode.CEILING).toBigInteger();
      boolean exact = low.value.compareTo(new BigDecimal(up)) == 0;
      from = from.max(exact && !low.included ? up.add(BigInteger.ONE) : up);
    }
    if (high != null) {
      BigInteger down = high.value.setScale(0, RoundingMode.FLOOR).toBigInteger();
      boolean exact = high.value.compareTo(new BigDecimal(down)) == 0;
      to = to.min(exact && !high.included ? down.subtract(BigInteger.ONE) : down);
    }
    if (from.compareTo(to) > 0) {
      throw SchemaKeywords.problem(
          path,
          "minimum, maximum",
          "bounds with a whole number of at most " + DIGITS + " digits between",
          "none");
    }
    return integers(from, to);
  }

  /** All whole numbers from one to the other, both included. */
  static Expression integers(BigInteger from, BigInteger to) {
    List<Expression> options = new ArrayList<>();
    if (from.signum() < 0) {
      BigInteger least = to.signum() < 0 ? to.negate() : BigInteger.ONE;
      options.add(Expression.sequence(Expression.text("-"), naturals(least, from.negate())));
    }
    if (to.signum() >= 0) {
      options.add(naturals(from.max(BigInteger.ZERO), to));
    }
    return Expression.choice(options);
  }

  /** Split by number of digits, then digit by digit. */
  private static Expression naturals(BigInteger from, BigInteger to) {
    List<Expression> options = new ArrayList<>();
    String low = from.toString();
    String high = to.toString();
    for (int digits = low.length(); digits <= high.length(); digits++) {
      String first = digits == low.length() ? low : "1" + "0".repeat(digits - 1);
      String last = digits == high.length() ? high : "9".repeat(digits);
      options.add(between(first, last));
    }
    return Expression.choice(options);
  }

  /** Digits from {@code low} to {@code high}, which are equally long. */
  static Expression between(String low, String high) {
    int length = low.length();
    if (length == 0) {
      return Expression.EMPTY;
    }
    char a = low.charAt(0);
    char b = high.charAt(0);
    String lowRest = low.substring(1);
    String highRest = high.substring(1);
    if (a == b) {
      return Expression.sequence(Expression.text("" + a), between(lowRest, highRest));
    }
    String nines = "9".repeat(length - 1);
    String zeros = "0".repeat(length - 1);
    List<Expression> options = new ArrayList<>();
    int from = a;
    int to = b;
    if (!lowRest.equals(zeros)) {
      options.add(Expression.sequence(Expression.text("" + a), between(lowRest, nines)));
      from++;
    }
    if (!highRest.equals(nines)) {
      options.add(Expression.sequence(Expression.text("" + b), between(zeros, highRest)));
      to--;
    }
    if (from <= to) {
      options.add(
          Expression.sequence(
              Expression.chars(from, to),
              Expression.repeat(Expression.chars('0', '9'), length - 1, length - 1)));
    }
    return Expression.choice(options);
  }
}
