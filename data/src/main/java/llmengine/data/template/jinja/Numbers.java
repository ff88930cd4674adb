package llmengine.data.template.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import llmengine.data.template.jinja.Expr.Operator;

/**
 * Python's arithmetic: whole numbers of any length (Long, else BigInteger), floats, bools as 0, 1.
 */
final class Numbers {
  /** Most bits of a whole number. */
  private static final int BITS = 4096;

  private Numbers() {}

  static boolean isNumber(Object value) {
    return value instanceof Long
        || value instanceof Double
        || value instanceof Boolean
        || value instanceof BigInteger;
  }

  static boolean isWhole(Object value) {
    return isNumber(value) && !(value instanceof Double);
  }

  /** A Long if it fits. */
  static Object normal(BigInteger value) {
    if (value.bitLength() > BITS) {
      throw new TemplateError("a number is too large: expected at most " + BITS + " bits.");
    }
    if (value.bitLength() < Long.SIZE) {
      return value.longValue();
    }
    return value;
  }

  static BigInteger whole(Object value) {
    return switch (value) {
      case Long n -> BigInteger.valueOf(n);
      case Boolean flag -> flag ? BigInteger.ONE : BigInteger.ZERO;
      case BigInteger n -> n;
      default -> throw new TemplateError("an integer is required, got " + Values.typeName(value));
    };
  }

  static double real(Object value) {
    return value instanceof Double d ? d : whole(value).doubleValue();
  }

  /** A whole number as an int, for indexes and counts; out of its range as the nearest int. */
  static int index(Object value) {
    if (!isWhole(value)) {
      throw new TemplateError(
          "an integer is required, got " + (value == null ? "None" : Values.typeName(value)));
    }
    BigInteger n = whole(value);
    return n.bitLength() < Integer.SIZE
        ? n.intValue()
        : n.signum() < 0 ? Integer.MIN_VALUE : Integer.MAX_VALUE;
  }

  static Object negative(Object value) {
    return value instanceof Double d ? (Object) (-d) : normal(whole(value).negate());
  }

  /**
   * Exact, as Python compares whole numbers with floats. What is not a number goes behind all
   * others: sorting needs an order without gaps.
   */
  static int compare(Object a, Object b) {
    if (a instanceof Long x && b instanceof Long y) {
      return Long.compare(x, y);
    } else if (isWhole(a) && isWhole(b)) {
      return whole(a).compareTo(whole(b));
    } else if (a instanceof Double x && b instanceof Double y) {
      return x < y ? -1 : x > y ? 1 : Boolean.compare(x.isNaN(), y.isNaN());
    } else if (b instanceof Double y) {
      return y.isNaN() || y == Double.POSITIVE_INFINITY
          ? -1
          : y == Double.NEGATIVE_INFINITY
              ? 1
              : new BigDecimal(whole(a)).compareTo(new BigDecimal(y));
    }
    return -compare(b, a);
  }

  static boolean equal(Object a, Object b) {
    return !isNaN(a) && !isNaN(b) && compare(a, b) == 0;
  }

  private static boolean isNaN(Object value) {
    return value instanceof Double d && d.isNaN();
  }

  static Object apply(Operator operator, Object a, Object b) {
    if (operator == Operator.DIV) {
      return quotient(a, b);
    } else if (isWhole(a) && isWhole(b)) {
      return whole(operator, a, b);
    }
    double x = real(a);
    double y = real(b);
    return switch (operator) {
      case ADD -> x + y;
      case SUB -> x - y;
      case MUL -> x * y;
      case FLOORDIV -> Math.floor(x / nonZero(y));
      case MOD -> {
        double rest = x % nonZero(y);
        yield rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
      }
      case POW -> Math.pow(x, y);
      default -> throw new IllegalStateException(operator.sign);
    };
  }

  private static Object quotient(Object a, Object b) {
    return real(a) / nonZero(real(b));
  }

  private static double nonZero(double divisor) {
    if (divisor == 0) {
      throw new TemplateError("division by zero");
    }
    return divisor;
  }

  private static Object whole(Operator operator, Object a, Object b) {
    BigInteger x = whole(a);
    BigInteger y = whole(b);
    return switch (operator) {
      case ADD -> normal(x.add(y));
      case SUB -> normal(x.subtract(y));
      case MUL -> normal(x.multiply(y));
      case FLOORDIV, MOD -> {
        nonZero(y.signum());
        BigInteger[] parts = x.divideAndRemainder(y);
        boolean down = parts[1].signum() != 0 && parts[1].signum() != y.signum();
        yield operator == Operator.MOD
            ? normal(down ? parts[1].add(y) : parts[1])
            : normal(down ? parts[0].subtract(BigInteger.ONE) : parts[0]);
      }
      case POW -> {
        if (y.signum() < 0) {
          nonZero(x.signum());
          yield Math.pow(x.doubleValue(), y.doubleValue());
        }
        if (x.bitLength() > 1 && y.compareTo(BigInteger.valueOf(BITS / (x.bitLength() - 1))) > 0) {
          throw new TemplateError("a number is too large: expected at most " + BITS + " bits.");
        }
        // 0, 1 and -1: only the parity of the exponent counts
        int exponent = x.bitLength() > 1 ? y.intValue() : y.signum() * (2 - y.intValue() % 2);
        yield normal(x.pow(Math.abs(exponent)));
      }
      default -> throw new IllegalStateException(operator.sign);
    };
  }

  /** Rounded half to even at that decimal place; a whole number stays one. */
  static Object round(Object value, int digits) {
    if (isWhole(value)) {
      return digits >= 0
          ? normal(whole(value))
          : normal(
              new BigDecimal(whole(value))
                  .setScale(place(digits), RoundingMode.HALF_EVEN)
                  .toBigInteger());
    }
    double d = real(value);
    return Double.isNaN(d) || Double.isInfinite(d)
        ? d
        : new BigDecimal(d).setScale(place(digits), RoundingMode.HALF_EVEN).doubleValue();
  }

  /** Beyond these places nothing changes. */
  private static int place(int digits) {
    return Math.clamp(digits, -400, 400);
  }
}
