// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import llmengine.engine.cpu.ScalarBackend;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;

/**
 * What every backend must fulfil: each method of {@link Backend} and the gradient of each op
 * compute what {@link ScalarBackend} computes, on ragged shapes, slices of columns, all dtypes of
 * weights, and with NaN and infinities. A backend's test returns {@link #against} and {@link
 * OpLaws#of} from a test factory.
 */
public final class OpContract {
  /** Errors allowed, in units of the rounding error of float32 times the size of what is summed. */
  private static final double UNITS = 8;

  private static final double EPSILON = 0x1p-23;

  /** No divisor of the number of shapes, so that every op meets different ones. */
  private static final int DIGEST_STRIDE = 7;

  private OpContract() {}

  static List<OpCase> cases() {
    List<OpCase> all = new ArrayList<>();
    all.addAll(ProductCases.all());
    all.addAll(ElementwiseCases.all());
    all.addAll(LayerCases.all());
    all.addAll(AttentionCases.all());
    all.addAll(OptimizerCases.all());
    all.addAll(GradientCase.asOpCases());
    return all;
  }

  /** A test for every case, grouped by op. */
  public static Stream<DynamicNode> against(Backend tested) {
    Backend reference = new ScalarBackend();
    Map<String, List<OpCase>> byOp =
        cases().stream()
            .collect(Collectors.groupingBy(OpCase::op, LinkedHashMap::new, Collectors.toList()));
    return byOp.entrySet().stream()
        .map(
            op ->
                DynamicContainer.dynamicContainer(
                    op.getKey(),
                    op.getValue().stream()
                        .map(
                            c ->
                                DynamicTest.dynamicTest(
                                    c.detail(), () -> check(c, tested, reference)))));
  }

  /**
   * A checksum of the bits of the results of about two cases of every op, by case, to compare
   * across thread counts and vector widths.
   *
   * @param smallOnly few of them, for where vectors are emulated
   */
  public static Map<String, Long> digests(Backend backend, boolean smallOnly) {
    Map<String, Long> digests = new TreeMap<>();
    List<OpCase> all = cases();
    for (int i = 0; i < all.size(); i++) {
      OpCase c = all.get(i);
      boolean fewer = smallOnly && (!c.small() || digests.size() == 3);
      if (i % DIGEST_STRIDE == 0 && !fewer) {
        digests.put(c.name(), OpRun.digest(OpRun.of(backend, c)));
      }
    }
    return digests;
  }

  private static void check(OpCase c, Backend tested, Backend reference) {
    compare(c.name(), false, OpRun.of(reference, c), OpRun.of(tested, c));
    int inputs = c.poisoned() ? OpRun.inputs(reference, c) : 0;
    for (int i = 0; i < inputs; i++) {
      for (float poison : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
        compare(
            c.name() + " with " + poison + " in operand " + i,
            true,
            OpRun.of(reference, c, i, poison),
            OpRun.of(tested, c, i, poison));
      }
    }
  }

  private static void compare(
      String name, boolean poisoned, List<OpRun.Result> reference, List<OpRun.Result> tested) {
    assertThat(tested).as(name).hasSameSizeAs(reference);
    for (int i = 0; i < reference.size(); i++) {
      compare(name, poisoned, reference.get(i), tested.get(i));
    }
  }

  private static void compare(
      String name, boolean poisoned, OpRun.Result reference, OpRun.Result tested) {
    double[] expected = reference.values();
    double[] got = tested.values();
    assertThat(got).as(name).hasSameSizeAs(expected);
    double norm = reference.norm();
    double largest = 0;
    for (double v : expected) {
      largest = Double.isFinite(v) ? Math.max(largest, Math.abs(v)) : largest;
    }
    double tolerance = UNITS * EPSILON * (norm + largest);
    int worst = -1;
    double worstError = 0;
    for (int i = 0; i < expected.length; i++) {
      double error = Math.abs(expected[i] - got[i]);
      boolean finite = Double.isFinite(expected[i]);
      if (!Double.isFinite(got[i]) && (!finite || reference.spreads() && poisoned)) {
        error = 0;
      } else if (finite != Double.isFinite(got[i])) {
        error = Double.POSITIVE_INFINITY;
      }
      if (error > worstError) {
        worst = i;
        worstError = error;
      }
    }
    if (worstError > tolerance) {
      throw new AssertionError(
          "%s: %s: row %d, column %d: expected %.9g, got %.9g: error %.3g > %.3g = %.0f eps (%.3g + %.3g)"
              .formatted(
                  name,
                  reference.name(),
                  worst / Math.max(1, reference.cols()),
                  worst % Math.max(1, reference.cols()),
                  expected[worst],
                  got[worst],
                  worstError,
                  tolerance,
                  UNITS,
                  norm,
                  largest));
    }
  }
}
