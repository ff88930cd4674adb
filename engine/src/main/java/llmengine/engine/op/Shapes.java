package llmengine.engine.op;

import llmengine.engine.DType;
import llmengine.engine.ShapeException;
import llmengine.engine.Tensor;

/** The only place that complains about operands that don't fit. */
final class Shapes {
  private Shapes() {}

  static void matrix(String op, String name, Tensor t) {
    if (t.shape().rank() != 2) {
      throw new ShapeException(op + ": " + name + ": expected a matrix, got " + t + ".");
    }
  }

  static void vector(String op, String name, Tensor t, int length) {
    if (t.shape().rank() != 1 || t.cols() != length) {
      throw new ShapeException(
          op + ": " + name + ": expected a vector of " + length + ", got " + t + ".");
    }
  }

  static void f32(String op, String name, Tensor t) {
    if (t.dtype() != DType.F32) {
      throw new ShapeException(op + ": " + name + ": expected F32, got " + t + ".");
    }
  }

  static void ids(String op, String name, Tensor t, int length) {
    vector(op, name, t, length);
    if (t.dtype() != DType.I32) {
      throw new ShapeException(op + ": " + name + ": expected I32, got " + t + ".");
    }
  }

  static void same(String op, Tensor a, Tensor b) {
    if (!a.shape().equals(b.shape())) {
      throw new ShapeException(
          op + ": shapes differ: expected equal shapes, got " + a + " and " + b + ".");
    }
  }

  static void equal(String op, String what, int expected, int got) {
    if (expected != got) {
      throw new ShapeException(op + ": " + what + ": expected " + expected + ", got " + got + ".");
    }
  }
}
