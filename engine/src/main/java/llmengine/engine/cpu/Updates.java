package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.L;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import llmengine.engine.EightBitState;
import llmengine.engine.Tensor;
import llmengine.engine.Update;

/** Element-wise optimizer steps ({@link Update}) and the reductions that optimizers need. */
final class Updates {
  private static final int P = 0;
  private static final int G = 1;
  private static final int M = 2;
  private static final int V = 3;

  private Updates() {}

  static void apply(Team team, Update rule, Tensor p, Tensor g, Tensor first, Tensor second) {
    Pieces.each(
        team,
        (row, column, n, scratch) -> {
          float[] value = Pieces.load(p, row, column, n, scratch, P);
          float[] grad = Pieces.load(g, row, column, n, scratch, G);
          float[] m = Pieces.load(first, row, column, n, scratch, M);
          float[] v = second == null ? null : Pieces.load(second, row, column, n, scratch, V);
          step(rule, value, grad, m, v, n);
          Store.set(value, 0, n, Pieces.address(p, row, column));
          Store.set(m, 0, n, Pieces.address(first, row, column));
          if (second != null) {
            Store.set(v, 0, n, Pieces.address(second, row, column));
          }
        },
        p,
        g,
        first,
        second);
  }

  /** Blocks of codes that one chunk takes. */
  private static final int BLOCKS = 64;

  static void apply(
      Team team, Update rule, Tensor p, Tensor g, EightBitState first, EightBitState second) {
    int size = first.blockSize();
    int blocks = Math.toIntExact((p.size() + size - 1) / size);
    team.run(
        (chunk, worker) -> {
          Scratch scratch = team.scratch(worker);
          byte[] codes = scratch.bytes(size);
          int end = Math.min(blocks, (chunk + 1) * BLOCKS);
          for (int block = chunk * BLOCKS; block < end; block++) {
            long at = (long) block * size;
            int n = (int) Math.min(size, p.size() - at);
            float[] value = Pieces.load(p, 0, at, n, scratch, P);
            float[] grad = Pieces.load(g, 0, at, n, scratch, G);
            float[] m = decode(first, block, n, codes, scratch, M);
            float[] v = second == null ? null : decode(second, block, n, codes, scratch, V);
            step(rule, value, grad, m, v, n);
            Store.set(value, 0, n, Pieces.address(p, 0, at));
            encode(first, block, n, codes, m);
            if (second != null) {
              encode(second, block, n, codes, v);
            }
          }
        },
        Gemm.ceilDiv(blocks, BLOCKS));
  }

  private static float[] decode(
      EightBitState state, int block, int n, byte[] codes, Scratch scratch, int slot) {
    MemorySegment from = HostBackend.segment(state.codes());
    long at = state.codes().offset() + (long) block * state.blockSize();
    MemorySegment.copy(from, ValueLayout.JAVA_BYTE, at, codes, 0, n);
    float scale = Window.getFloat(Pieces.address(state.scales(), 0, block));
    float[] values = scratch.slot(slot, n);
    state.code().decode(codes, 0, n, scale, values, 0);
    return values;
  }

  private static void encode(EightBitState state, int block, int n, byte[] codes, float[] values) {
    float scale = state.code().encode(values, 0, n, state.blockSize(), codes, 0);
    Window.putFloat(Pieces.address(state.scales(), 0, block), scale);
    MemorySegment to = HostBackend.segment(state.codes());
    long at = state.codes().offset() + (long) block * state.blockSize();
    MemorySegment.copy(codes, 0, to, ValueLayout.JAVA_BYTE, at, n);
  }

  /** One step on arrays whose padding may hold anything; v is null for rules of one state. */
  private static void step(Update rule, float[] p, float[] g, float[] m, float[] v, int n) {
    switch (rule) {
      case Update.AdamW u -> adam(u, p, g, m, v, n);
      case Update.Lion u -> lion(u, p, g, m, n);
      case Update.Adagrad u ->
          scaled(u.gradScale(), u.weightDecay(), u.lr(), 1, 1, u.eps(), p, g, m, n);
      case Update.RmsProp u -> {
        double rest = 1 - u.alpha();
        scaled(u.gradScale(), u.weightDecay(), u.lr(), u.alpha(), rest, u.eps(), p, g, m, n);
      }
      case Update.AdamDirection u -> direction(u, p, g, m, v, n);
    }
  }

  private static void adam(Update.AdamW u, float[] p, float[] g, float[] m, float[] v, int n) {
    FloatVector eps = FloatVector.broadcast(F, (float) u.eps());
    FloatVector inverseRoot = FloatVector.broadcast(F, (float) (1 / u.root()));
    FloatVector beta1 = FloatVector.broadcast(F, (float) u.beta1());
    FloatVector beta2 = FloatVector.broadcast(F, (float) u.beta2());
    float rest1 = (float) (1 - u.beta1());
    float rest2 = (float) (1 - u.beta2());
    float step = (float) u.step();
    float decay = (float) (1 - u.lr() * u.weightDecay());
    for (int i = 0; i < n; i += L) {
      FloatVector grad = FloatVector.fromArray(F, g, i).mul(u.gradScale());
      FloatVector first = FloatVector.fromArray(F, m, i).fma(beta1, grad.mul(rest1));
      FloatVector second = FloatVector.fromArray(F, v, i).fma(beta2, grad.mul(grad).mul(rest2));
      first.intoArray(m, i);
      second.intoArray(v, i);
      FloatVector change = first.mul(step).div(second.sqrt().fma(inverseRoot, eps));
      FloatVector.fromArray(F, p, i).mul(decay).sub(change).intoArray(p, i);
    }
  }

  private static void lion(Update.Lion u, float[] p, float[] g, float[] m, int n) {
    float decay = (float) (1 - u.lr() * u.weightDecay());
    FloatVector lr = FloatVector.broadcast(F, (float) u.lr());
    FloatVector beta1 = FloatVector.broadcast(F, (float) u.beta1());
    FloatVector beta2 = FloatVector.broadcast(F, (float) u.beta2());
    float rest1 = (float) (1 - u.beta1());
    float rest2 = (float) (1 - u.beta2());
    for (int i = 0; i < n; i += L) {
      FloatVector grad = FloatVector.fromArray(F, g, i).mul(u.gradScale());
      FloatVector mean = FloatVector.fromArray(F, m, i);
      FloatVector mixed = mean.fma(beta1, grad.mul(rest1));
      mean.fma(beta2, grad.mul(rest2)).intoArray(m, i);
      FloatVector value = FloatVector.fromArray(F, p, i).mul(decay);
      FloatVector up = value.sub(lr);
      FloatVector down = value.add(lr);
      // A mean of 0 moves nothing; NaN is neither above nor below and must not be lost.
      value
          .add(mixed.mul(0))
          .blend(up, mixed.compare(VectorOperators.GT, 0))
          .blend(down, mixed.compare(VectorOperators.LT, 0))
          .intoArray(p, i);
    }
  }

  /** s = keep s + rest g^2; p -= lr g / (sqrt(s) + eps), with g += decay p before. */
  private static void scaled(
      float gradScale,
      double decay,
      double lr,
      double keep,
      double rest,
      double eps,
      float[] p,
      float[] g,
      float[] s,
      int n) {
    FloatVector scale = FloatVector.broadcast(F, gradScale);
    FloatVector kept = FloatVector.broadcast(F, (float) keep);
    for (int i = 0; i < n; i += L) {
      FloatVector value = FloatVector.fromArray(F, p, i);
      FloatVector grad = FloatVector.fromArray(F, g, i).fma(scale, value.mul((float) decay));
      FloatVector sum = FloatVector.fromArray(F, s, i).fma(kept, grad.mul(grad).mul((float) rest));
      sum.intoArray(s, i);
      FloatVector change = grad.mul((float) lr).div(sum.sqrt().add((float) eps));
      value.sub(change).intoArray(p, i);
    }
  }

  private static void direction(
      Update.AdamDirection u, float[] out, float[] g, float[] m, float[] v, int n) {
    FloatVector beta1 = FloatVector.broadcast(F, (float) u.beta1());
    FloatVector beta2 = FloatVector.broadcast(F, (float) u.beta2());
    float rest1 = (float) (1 - u.beta1());
    float rest2 = (float) (1 - u.beta2());
    for (int i = 0; i < n; i += L) {
      FloatVector grad = FloatVector.fromArray(F, g, i).mul(u.gradScale());
      FloatVector first = FloatVector.fromArray(F, m, i).fma(beta1, grad.mul(rest1));
      FloatVector second = FloatVector.fromArray(F, v, i).fma(beta2, grad.mul(grad).mul(rest2));
      first.intoArray(m, i);
      second.intoArray(v, i);
      first.div(second.sqrt().add((float) u.eps())).intoArray(out, i);
    }
  }

  /** Each row in double, in order. */
  static void rowSquares(Team team, Tensor x, Tensor out) {
    Pieces.eachRow(
        team,
        x.rows(),
        x.cols(),
        (row, scratch) -> {
          double sum = 0;
          for (int c = 0; c < x.cols(); c += Pieces.SIZE) {
            int n = Math.min(Pieces.SIZE, x.cols() - c);
            sum += Reductions.sumOfSquares(Pieces.load(x, row, c, n, scratch, P), n);
          }
          Window.putFloat(Pieces.address(out, 0, row), (float) sum);
        });
  }

  /** Each column in double, in the order of the rows; threads split the columns. */
  static void columnSquares(Team team, Tensor x, Tensor out) {
    int width = 256;
    team.run(
        (chunk, worker) -> {
          int from = chunk * width;
          int n = Math.min(width, x.cols() - from);
          double[] sums = new double[n];
          for (int r = 0; r < x.rows(); r++) {
            float[] v = Pieces.load(x, r, from, n, team.scratch(worker), P);
            for (int i = 0; i < n; i++) {
              sums[i] += (double) v[i] * v[i];
            }
          }
          for (int i = 0; i < n; i++) {
            Window.putFloat(Pieces.address(out, 0, from + i), (float) sums[i]);
          }
        },
        Gemm.ceilDiv(x.cols(), width));
  }

  static void scaleBy(
      Team team, Tensor x, Tensor rows, Tensor columns, Tensor out, boolean accumulate) {
    Pieces.eachRow(
        team,
        x.rows(),
        x.cols(),
        (row, scratch) -> {
          float factor = rows == null ? 1 : Window.getFloat(Pieces.address(rows, 0, row));
          for (int c = 0; c < x.cols(); c += Pieces.SIZE) {
            int n = Math.min(Pieces.SIZE, x.cols() - c);
            float[] v = Pieces.load(x, row, c, n, scratch, P);
            Rowwise.scale(v, factor, v, n);
            if (columns != null) {
              Rowwise.multiply(v, Pieces.load(columns, 0, c, n, scratch, G), v, n);
            }
            if (accumulate) {
              Rowwise.add(v, Pieces.load(out, row, c, n, scratch, M), v, n);
            }
            Store.set(v, 0, n, Pieces.address(out, row, c));
          }
        });
  }
}
