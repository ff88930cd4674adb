package llmengine.train.export;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import llmengine.engine.FormatException;
import llmengine.engine.Tensor;
import llmengine.engine.file.GgufSource;
import llmengine.engine.file.GgufType;
import llmengine.engine.file.TensorSource;
import llmengine.nn.Decoder;
import llmengine.nn.Parameter;
import llmengine.nn.load.GgufNames;
import llmengine.nn.model.RopeSpec;
import llmengine.quant.encode.BlockEncoder;
import llmengine.quant.encode.BlockEncoders;
import llmengine.quant.encode.GgufMix;

/**
 * The weights of a model as tensors of a GGUF file. Matrices are read, laid out as llama.cpp wants
 * them and encoded a few rows at a time on all cores; vectors stay float32.
 */
final class GgufTensors {
  private static final int PIECE_VALUES = 1 << 21;
  private static final ValueLayout.OfFloat FLOAT32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Decoder model;
  private final GgufNames names;
  private final GgufMix mix;
  private final GgufMix.Model shape;

  GgufTensors(Decoder model, String architecture, GgufMix mix) {
    this.model = model;
    this.names = new GgufNames(model.spec(), architecture);
    this.mix = mix;
    this.shape =
        new GgufMix.Model(
            architecture,
            model.spec().layers().size(),
            model.spec().heads(),
            model.spec().kvHeads(),
            0,
            !model.parameters().containsKey("lm_head.weight"));
  }

  /** All tensors, in the model's order. */
  List<GgufSource> sources() {
    List<GgufSource> sources = new ArrayList<>();
    for (Parameter p : model.parameters().values()) {
      sources.add(source(p));
    }
    if (model.spec().layers().getLast().rope().scaling() instanceof RopeSpec.Llama3 s) {
      sources.add(divisors(model.spec().layers().getLast().rope(), s));
    }
    return sources;
  }

  private GgufSource source(Parameter p) {
    int[] dims = p.value().shape().dims();
    long[] size = IntStream.of(dims).asLongStream().toArray();
    String name = names.of(p.name());
    if (dims.length == 1) {
      return new GgufSource(name, GgufType.F32, size, out -> vector(p, out));
    }
    GgufType type = mix.typeOf(name, size, shape);
    BlockEncoder encoder = BlockEncoders.named(type.name()).orElseThrow();
    return new GgufSource(name, type, size, out -> matrix(p, encoder, out));
  }

  private void vector(Parameter p, TensorSource.Sink out) throws IOException {
    float[] stored = p.value().toFloats();
    float[] values = new float[stored.length];
    int headDim = headDim(p, stored.length);
    for (int i = 0; i < values.length; i++) {
      values[i] = stored[sourceRow(i, headDim)] + names.offset(p.name());
    }
    out.write(bytes(values));
  }

  private void matrix(Parameter p, BlockEncoder encoder, TensorSource.Sink out) throws IOException {
    Tensor value = p.value();
    int rows = value.rows();
    int cols = value.cols();
    int headDim = headDim(p, rows);
    int piece = Math.clamp(PIECE_VALUES / cols, 1, rows);
    piece = (piece + headDim - 1) / headDim * headDim; // whole heads, whose rows change places
    int blocks = cols / encoder.format().blockValues();
    int rowBytes = blocks * encoder.format().blockBytes();
    float[] values = new float[Math.min(piece, rows) * cols];
    byte[] encoded = new byte[Math.min(piece, rows) * rowBytes];
    for (int from = 0; from < rows; from += piece) {
      int n = Math.min(piece, rows - from);
      model.backend().read(value.rows(from, from + n), values, 0);
      IntStream.range(0, n)
          .parallel()
          .forEach(
              r ->
                  encode(
                      p,
                      encoder,
                      values,
                      sourceRow(r, headDim) * cols,
                      encoded,
                      r * rowBytes,
                      blocks));
      out.write(MemorySegment.ofArray(encoded).asSlice(0, (long) n * rowBytes));
    }
  }

  private static void encode(
      Parameter p, BlockEncoder encoder, float[] from, int at, byte[] to, int toAt, int blocks) {
    try {
      encoder.encode(from, at, to, toAt, blocks);
    } catch (FormatException bad) {
      throw new FormatException(p.name() + ": " + bad.getMessage(), bad);
    }
  }

  /** D of a projection to heads whose rows are interleaved; 1 for all others. */
  private int headDim(Parameter p, int rows) {
    int heads = names.interleavedHeads(p.name());
    return heads == 0 ? 1 : rows / heads;
  }

  /** Where row r of the file, in pairs (2i, 2i + 1), is in the model, in halves (i, i + D/2). */
  private static int sourceRow(int r, int headDim) {
    if (headDim == 1) {
      return r;
    }
    int inHead = r % headDim;
    return r - inHead + inHead / 2 + inHead % 2 * (headDim / 2);
  }

  /** Llama 3.1's scaling: what each frequency is divided by. */
  private static GgufSource divisors(RopeSpec rope, RopeSpec.Llama3 s) {
    float[] divisors = new float[rope.dims() / 2];
    double longest = s.originalContext() / s.lowFrequencyFactor();
    double shortest = s.originalContext() / s.highFrequencyFactor();
    for (int i = 0; i < divisors.length; i++) {
      double wavelength = 2 * Math.PI * Math.pow(rope.theta(), 2.0 * i / rope.dims());
      double smooth =
          (s.originalContext() / wavelength - s.lowFrequencyFactor())
              / (s.highFrequencyFactor() - s.lowFrequencyFactor());
      divisors[i] =
          (float)
              (wavelength < shortest
                  ? 1
                  : wavelength > longest ? s.factor() : 1 / ((1 - smooth) / s.factor() + smooth));
    }
    return new GgufSource(
        "rope_freqs.weight",
        GgufType.F32,
        new long[] {divisors.length},
        out -> out.write(bytes(divisors)));
  }

  private static MemorySegment bytes(float[] values) {
    MemorySegment bytes = MemorySegment.ofArray(new byte[4 * values.length]);
    MemorySegment.copy(values, 0, bytes, FLOAT32, 0, values.length);
    return bytes;
  }
}
