package llmengine.nn;

import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.model.RopeSpec;

/** Tables of cosines and sines (P, R/2) for a {@link RopeSpec}, grown to the positions in use. */
public final class Rope {
  private static final int SMALLEST = 256;

  private final RopeSpec spec;
  private final int headDim;
  private final Scope scope;
  private Tensor cos;
  private Tensor sin;
  private double builtFor = -1; // sequence length that a dynamic scaling was computed for
  private int fixed;

  public Rope(RopeSpec spec, int headDim, Scope scope) {
    this.spec = spec;
    this.headDim = headDim;
    this.scope = scope;
  }

  /**
   * x (M, H*D) with every head rotated by its row's position. {@link #ensure} must cover the
   * positions.
   */
  public Tensor forward(Tape tape, Tensor x, Tensor positions) {
    return llmengine.engine.op.Rope.apply(tape, x, positions, cos, sin, headDim);
  }

  /**
   * Makes the tables cover positions below {@code length} for good, with a dynamic scaling that is
   * computed for that length and no longer follows the longest sequence of each batch.
   */
  public void fix(int length) {
    fixed = length;
    ensure(length);
  }

  /** Makes the tables cover positions below {@code length}. */
  public void ensure(int length) {
    int longest = Math.max(length, fixed);
    double context =
        spec.scaling() instanceof RopeSpec.Dynamic d ? Math.max(longest, d.originalContext()) : 0;
    if (cos != null && length <= cos.rows() && context == builtFor) {
      return;
    }
    int rows = Math.max(SMALLEST, Integer.highestOneBit(Math.max(1, length - 1)) * 2);
    rows = cos == null ? rows : Math.max(rows, cos.rows());
    int half = spec.dims() / 2;
    float[] frequencies = frequencies(context);
    float amplitude = amplitude();
    float[] cosines = new float[Math.multiplyExact(rows, half)];
    float[] sines = new float[cosines.length];
    for (int p = 0; p < rows; p++) {
      for (int i = 0; i < half; i++) {
        float angle = p * frequencies[i]; // float32 like the peers, so that long positions agree
        cosines[p * half + i] = (float) Math.cos(angle) * amplitude;
        sines[p * half + i] = (float) Math.sin(angle) * amplitude;
      }
    }
    if (cos != null) {
      scope.release(cos);
      scope.release(sin);
    }
    cos = scope.empty(DType.F32, rows, half).set(cosines);
    sin = scope.empty(DType.F32, rows, half).set(sines);
    builtFor = context;
  }

  private float amplitude() {
    if (spec.scaling() instanceof RopeSpec.Yarn y) {
      double factor = y.attentionFactor();
      return (float) (factor > 0 ? factor : y.factor() <= 1 ? 1 : 0.1 * Math.log(y.factor()) + 1);
    }
    return 1;
  }

  private float[] frequencies(double context) {
    int dims = spec.dims();
    double theta = spec.theta();
    if (spec.scaling() instanceof RopeSpec.Dynamic d) {
      double growth = d.factor() * context / d.originalContext() - (d.factor() - 1);
      theta *= Math.pow(growth, dims / (dims - 2.0));
    }
    float[] f = new float[dims / 2];
    for (int i = 0; i < f.length; i++) {
      f[i] = 1f / (float) Math.pow(theta, (float) (2 * i) / dims);
    }
    return switch (spec.scaling()) {
      case RopeSpec.None none -> f;
      case RopeSpec.Dynamic dynamic -> f;
      case RopeSpec.LinearScaling linear -> {
        for (int i = 0; i < f.length; i++) {
          f[i] /= (float) linear.factor();
        }
        yield f;
      }
      case RopeSpec.Llama3 l -> llama3(f, l);
      case RopeSpec.Yarn y -> yarn(f, y, theta, dims);
    };
  }

  private static float[] llama3(float[] f, RopeSpec.Llama3 l) {
    double longest = l.originalContext() / l.lowFrequencyFactor();
    double shortest = l.originalContext() / l.highFrequencyFactor();
    for (int i = 0; i < f.length; i++) {
      double wavelength = 2 * Math.PI / f[i];
      if (wavelength > longest) {
        f[i] = (float) (f[i] / l.factor());
      } else if (wavelength >= shortest) {
        double smooth =
            (l.originalContext() / wavelength - l.lowFrequencyFactor())
                / (l.highFrequencyFactor() - l.lowFrequencyFactor());
        f[i] = (float) ((1 - smooth) * f[i] / l.factor() + smooth * f[i]);
      }
    }
    return f;
  }

  private static float[] yarn(float[] f, RopeSpec.Yarn y, double theta, int dims) {
    double low = correctionDim(y.betaFast(), y.originalContext(), theta, dims);
    double high = correctionDim(y.betaSlow(), y.originalContext(), theta, dims);
    if (y.truncate()) {
      low = Math.floor(low);
      high = Math.ceil(high);
    }
    low = Math.max(low, 0);
    high = Math.min(high, dims - 1);
    if (low == high) {
      high += 0.001;
    }
    for (int i = 0; i < f.length; i++) {
      double ramp = Math.clamp((i - low) / (high - low), 0, 1);
      f[i] = (float) (f[i] / y.factor() * ramp + f[i] * (1 - ramp));
    }
    return f;
  }

  /** The channel pair that turns {@code rotations} times over the original context. */
  private static double correctionDim(double rotations, int context, double theta, int dims) {
    return dims * Math.log(context / (rotations * 2 * Math.PI)) / (2 * Math.log(theta));
  }
}
