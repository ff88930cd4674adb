package llmengine.quant.ptq;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.StoredTensor;
import llmengine.quant.HostMemory;
import llmengine.quant.StoredQuantization;

/**
 * Layers as hqq writes them to safetensors: {@code x.W_q}, {@code .scale}, {@code .zero}, and what
 * describes them, each a tensor too: {@code .nbits}, {@code .group_size}, {@code .axis}, {@code
 * .shape}, {@code .packing} (its letters) and others. Every layer brings its own settings. The
 * bytes of {@code W_q} may be declared as floats ({@code view_as_float}).
 */
public final class HqqCheckpoint implements StoredQuantization {
  @Override
  public String method() {
    return "hqq";
  }

  @Override
  public boolean holds(Checkpoint checkpoint, String name) {
    return checkpoint.find(StoredParts.module(name) + ".W_q").isPresent();
  }

  @Override
  public Optional<Tensor> load(
      Scope scope, Checkpoint checkpoint, String name, int rows, int cols) {
    StoredParts parts = StoredParts.of(scope, checkpoint, name);
    if (!parts.has(".W_q")) {
      return Optional.empty();
    }
    int bits = Math.toIntExact(number(parts, ".nbits", 1, 8));
    if (!HqqLayout.supports(bits)) {
      throw parts.bad(".nbits", "1, 2, 3, 4, 5, 6 or 8", bits + "");
    }
    long values = (long) rows * cols;
    int group = Math.toIntExact(number(parts, ".group_size", 1, Integer.MAX_VALUE));
    int axis = Math.toIntExact(number(parts, ".axis", 0, 1));
    if (values % group != 0) {
      throw parts.bad(".group_size", "groups that fill " + values + " values", group + "");
    }
    shape(parts, rows, cols);
    HqqLayout layout = HqqLayout.of(bits, axis, values, group);
    if (!layout.fits()) {
      throw parts.bad(".nbits", "rows in multiples of " + layout.parts(), layout.rows() + " rows");
    }
    packing(parts, layout);
    for (String part : new String[] {".quant_scale", ".quant_zero"}) {
      if (parts.has(part) && number(parts, part, 0, 1) != 0) {
        throw parts.bad(part, "scales and zero points that are not quantized themselves", "true");
      }
    }
    Tensor elements = elements(parts, layout);
    SideValues scales =
        parts.floatsOfCount(".scale", layout.groups()).check(parts.where(".scale"), true);
    SideValues zeros =
        parts.floatsOfCount(".zero", layout.groups()).check(parts.where(".zero"), false);
    return Optional.of(scope.pack(new Hqq(rows, cols, layout, elements, scales, zeros)));
  }

  private static Tensor elements(StoredParts parts, HqqLayout layout) {
    StoredTensor stored = parts.stored(".W_q");
    long count = (long) layout.step() * layout.cols();
    if (stored.data().byteSize() != count * layout.elementBytes()) {
      throw parts.bad(
          ".W_q",
          count * layout.elementBytes() + " bytes of " + layout.bits() + "-bit codes",
          stored.data().byteSize() + "");
    }
    DType dtype = layout.elementBytes() == 4 ? DType.I32 : DType.U8;
    return parts.scope().map(stored.data(), dtype, layout.step(), layout.cols());
  }

  private static void shape(StoredParts parts, int rows, int cols) {
    StoredTensor stored = parts.stored(".shape");
    if (stored.count() != 2 || stored.type() != SafetensorsType.I64) {
      throw parts.bad(".shape", "two I64", stored.toString());
    }
    long[] shape = {stored.data().get(HostMemory.LONG, 0), stored.data().get(HostMemory.LONG, 8)};
    if (shape[0] != rows || shape[1] != cols) {
      throw parts.bad(".shape", "[" + rows + ", " + cols + "]", Arrays.toString(shape));
    }
  }

  private static void packing(StoredParts parts, HqqLayout layout) {
    Optional<StoredTensor> stored = parts.find(".packing");
    if (stored.isEmpty()) {
      return;
    }
    MemorySegment letters = stored.get().data();
    byte[] bytes = new byte[(int) Math.min(32, letters.byteSize())];
    MemorySegment.copy(letters, HostMemory.BYTE, 0, bytes, 0, bytes.length);
    String name = new String(bytes, StandardCharsets.ISO_8859_1);
    if (letters.byteSize() > 32 || !name.equals(layout.packing())) {
      throw parts.bad(".packing", layout.packing() + " for " + layout.bits() + " bits", name);
    }
  }

  /** A whole number that is kept as a tensor of one value. */
  private static long number(StoredParts parts, String part, long least, long most) {
    StoredTensor stored = parts.stored(part);
    if (stored.count() != 1) {
      throw parts.bad(part, "one number", stored.toString());
    }
    MemorySegment data = stored.data();
    long value =
        switch (stored.type()) {
          case U8, BOOL -> data.get(HostMemory.BYTE, 0) & 0xff;
          case I8 -> data.get(HostMemory.BYTE, 0);
          case I32 -> data.get(HostMemory.INT, 0);
          case I64 -> data.get(HostMemory.LONG, 0);
          default -> throw parts.bad(part, "a whole number", stored.toString());
        };
    if (value < least || value > most) {
      throw parts.bad(part, "a number from " + least + " to " + most, value + "");
    }
    return value;
  }
}
