package llmengine.engine;

import java.lang.foreign.MemorySegment;

/**
 * Everything a device must be able to do. Operands are {@link Tensor} views with any row stride;
 * shapes were checked by the op that calls (a backend only asserts). Results are float32. NaN and
 * infinities propagate. Results don't depend on the number of threads. Where a method has {@code
 * accumulate}, true adds to what the output holds and false overwrites it.
 *
 * <p>Weights (the second operand of {@code matmulNT}, {@code matmulNN} and {@code matmulRows},
 * embedding tables, what is read, copied or gathered from) may be F32, BF16, F16 or PACKED;
 * everything else is F32 unless said otherwise.
 */
public interface Backend extends AutoCloseable {
  String name();

  /** Pool and ledger of this backend's memory. */
  Memory memory();

  /** Memory from the system, 64-byte aligned; called by {@link Memory} only. */
  Buffer allocate(long bytes);

  /** Gives memory back to the system: what {@link #allocate} returned. */
  void free(Buffer buffer);

  /** Part of allocated memory as a buffer of its own; offset and size are multiples of 64 bytes. */
  Buffer slice(Buffer whole, long offset, long bytes);

  /** Makes host memory readable, in place where possible; it must outlive its use. */
  Buffer map(MemorySegment memory);

  @Override
  void close();

  // ---- host access and moves

  void write(float[] source, int sourceOffset, Tensor to);

  void write(int[] source, int sourceOffset, Tensor to);

  void read(Tensor from, float[] target, int targetOffset);

  void read(Tensor from, int[] target, int targetOffset);

  /**
   * Copies element by element, converting the dtype (float to bf16/f16 rounds to nearest even).
   * Same shape.
   */
  void copy(Tensor from, Tensor to);

  void fill(Tensor to, float value);

  // ---- products (the arithmetic of training and prompts: "tiles")

  /** c (M,N) = alpha * a (M,K) b (N,K)^T: every linear layer's forward. */
  void matmulNT(Tensor a, Tensor b, float alpha, Tensor c, boolean accumulate);

  /** c (M,N) = alpha * a (M,K) b (K,N): gradient of a linear layer's input. */
  void matmulNN(Tensor a, Tensor b, float alpha, Tensor c, boolean accumulate);

  /** c (M,N) = alpha * a (K,M)^T b (K,N): gradient of a weight. */
  void matmulTN(Tensor a, Tensor b, float alpha, Tensor c, boolean accumulate);

  /**
   * c (M,N) = alpha * a (M,K) b (N,K)^T for generated tokens ("rows" arithmetic): each row's result
   * is bitwise the same whatever the number of rows M. Meant for small M, limited by reading b
   * once.
   */
  void matmulRows(Tensor a, Tensor b, float alpha, Tensor c, boolean accumulate);

  // ---- element-wise

  /** out = a + b. */
  void add(Tensor a, Tensor b, Tensor out);

  /** out = alpha * x, or out += alpha * x. */
  void scale(Tensor x, float alpha, Tensor out, boolean accumulate);

  /** out = a * b, or out += a * b, element by element. */
  void multiply(Tensor a, Tensor b, Tensor out, boolean accumulate);

  /** x (M,N) += bias (N), in place. */
  void addRow(Tensor x, Tensor bias);

  /** out (M,N) = x (M,N) * row (N) in each row, or out += that. */
  void multiplyRow(Tensor x, Tensor row, Tensor out, boolean accumulate);

  /** out (N) = sum over the rows of x (M,N). */
  void sumRows(Tensor x, Tensor out, boolean accumulate);

  /** out = f(x). */
  void activation(Activation f, Tensor x, Tensor out);

  /** dx (+)= f'(x) * dy. */
  void activationBackward(Activation f, Tensor x, Tensor dy, Tensor dx, boolean accumulate);

  /** out = f(gate) * up: SwiGLU, GeGLU. */
  void gated(Activation f, Tensor gate, Tensor up, Tensor out);

  /** dgate (+)= f'(gate) * up * dy, dup (+)= f(gate) * dy; either target may be null. */
  void gatedBackward(
      Activation f,
      Tensor gate,
      Tensor up,
      Tensor dy,
      Tensor dgate,
      boolean accumulateGate,
      Tensor dup,
      boolean accumulateUp);

  /**
   * out = x / (1 - p) where kept, else 0. Element (i, j) is kept by a hash of (key, rowKeys[i], j)
   * alone, so the backward pass (the same call on the gradient) and any batching see the same mask.
   * rowKeys (M) I32.
   */
  void dropout(Tensor x, float p, long key, Tensor rowKeys, Tensor out, boolean accumulate);

  /**
   * x += magnitude * u, in place, with u uniform in [-1, 1): the same hash as {@link #dropout}, as
   * a signed number, says it for each element.
   */
  void addNoise(Tensor x, float magnitude, long key, Tensor rowKeys);

  /** x = cap * tanh(x / cap), in place. */
  void softcap(Tensor x, float cap);

  // ---- layers

  /**
   * out = x * rstd * (w + offset), rstd (M) = 1/sqrt(mean(x^2) + eps), saved for the backward pass.
   */
  void rmsNorm(Tensor x, Tensor w, float offset, float eps, Tensor out, Tensor rstd);

  /** Gradients of {@link #rmsNorm}: dx (M,N) and dw (N); either may be null. */
  void rmsNormBackward(
      Tensor dy,
      Tensor x,
      Tensor w,
      float offset,
      Tensor rstd,
      Tensor dx,
      boolean accumulateX,
      Tensor dw,
      boolean accumulateW);

  /** out = (x - mean) * rstd * w + b; mean and rstd (M) are saved. b may be null. */
  void layerNorm(Tensor x, Tensor w, Tensor b, float eps, Tensor out, Tensor mean, Tensor rstd);

  /** Gradients of {@link #layerNorm}; each of dx, dw, db may be null. dw and db share a flag. */
  void layerNormBackward(
      Tensor dy,
      Tensor x,
      Tensor w,
      Tensor mean,
      Tensor rstd,
      Tensor dx,
      boolean accumulateX,
      Tensor dw,
      Tensor db,
      boolean accumulateW);

  /**
   * Rotary embedding in halves (Hugging Face layout): for each of the H heads of x (M, H*D) and i <
   * R/2, the pair (i, i + R/2) is rotated by the angle of row positions[m]; channels from R on are
   * copied. cos, sin (P, R/2) F32, positions (M) I32. {@code inverse} rotates back, which is the
   * backward pass. out may be x itself.
   */
  void rope(
      Tensor x,
      Tensor positions,
      Tensor cos,
      Tensor sin,
      int headDim,
      boolean inverse,
      Tensor out,
      boolean accumulate);

  /**
   * Softmax attention. q (Nq, H*D), k and v (Nk, Hkv*D), out (Nq, H*D); lse (Nq, H) receives the
   * log of each softmax denominator. The score matrix is never stored.
   */
  void attention(
      Tensor q,
      Tensor k,
      Tensor v,
      Segments segments,
      AttentionShape shape,
      Tensor out,
      Tensor lse);

  /** Gradients of {@link #attention}, recomputing the scores; each of dq, dk, dv may be null. */
  void attentionBackward(
      Tensor dout,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor out,
      Tensor lse,
      Segments segments,
      AttentionShape shape,
      Tensor dq,
      boolean accumulateQ,
      Tensor dk,
      boolean accumulateK,
      Tensor dv,
      boolean accumulateV);

  /** out (M,C) = table[ids[m]] * scale. ids (M) I32. */
  void embedding(Tensor table, Tensor ids, float scale, Tensor out);

  /** dtable[ids[m]] += scale * dout[m], in ascending order of m. */
  void embeddingBackward(Tensor dout, Tensor ids, float scale, Tensor dtable);

  /** out[m] = x[rows[m]]; rows (M) I32. x F32. */
  void gatherRows(Tensor x, Tensor rows, Tensor out);

  /** dx[rows[m]] += dout[m]; rows are distinct. */
  void scatterAddRows(Tensor dout, Tensor rows, Tensor dx);

  /**
   * Cross-entropy of logits (M,V) against targets (M) I32: losses[m] = log-sum-exp - logit of the
   * target, after {@code softcap * tanh(logit / softcap)} if softcap > 0. If gradScale != 0 the
   * logits are overwritten by gradScale * d loss / d logit.
   */
  void crossEntropy(Tensor logits, Tensor targets, float softcap, float gradScale, Tensor losses);

  // ---- optimizer

  /** Sum of squares of all elements, accumulated in double over fixed chunks. */
  double sumOfSquares(Tensor x);

  /** Sum of all elements, accumulated in double over fixed chunks. */
  double sum(Tensor x);

  /** Row of the first NaN or infinity; -1 if all are finite. */
  int firstNonFiniteRow(Tensor x);

  /**
   * One step of an element-wise rule, in place; {@link Update} says what {@code first} and {@code
   * second} hold. second may be null where the rule has one state only.
   */
  void update(Update rule, Tensor p, Tensor g, Tensor first, Tensor second);

  /**
   * The same with states of one byte an element: decoded, used and encoded again block by block. p
   * and g are contiguous.
   */
  void update(Update rule, Tensor p, Tensor g, EightBitState first, EightBitState second);

  /** out (M) = sum of the squares of each row of x (M,N), accumulated in double. */
  void rowSquares(Tensor x, Tensor out);

  /** out (N) = sum of the squares of each column of x (M,N), accumulated in double. */
  void columnSquares(Tensor x, Tensor out);

  /** out (+)= x * rows[m] * columns[n]; rows (M) or columns (N) may be null. */
  void scaleBy(Tensor x, Tensor rows, Tensor columns, Tensor out, boolean accumulate);

  /**
   * One step of SGD: d = gradScale * g + weightDecay * p; buf = momentum * buf + d (buf may be
   * null); p -= lr * buf.
   */
  void sgd(
      Tensor p,
      Tensor g,
      Tensor buf,
      float gradScale,
      double lr,
      double momentum,
      double weightDecay,
      boolean nesterov,
      boolean firstStep);
}
