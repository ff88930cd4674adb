package llmengine.quant.ptq;

import com.fasterxml.jackson.databind.JsonNode;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Iterator;
import java.util.Locale;
import java.util.Optional;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.SafetensorsType;
import llmengine.engine.file.StoredTensor;
import llmengine.quant.HostMemory;
import llmengine.quant.QuantizationSettings;
import llmengine.quant.StoredQuantization;

/**
 * Layers that AutoGPTQ or GPTQModel saved: see {@link Gptq}. Which layers are packed is seen from
 * their tensors, so {@code lm_head: true} and layers left alone need no list.
 */
public final class GptqCheckpoint implements StoredQuantization {
  private final int bits;
  private final int groupSize; // -1: all inputs
  private final boolean v2;

  /**
   * @throws llmengine.engine.FormatException if the settings describe another layout
   */
  public GptqCheckpoint(QuantizationSettings settings) {
    bits = settings.number("bits", 0, 1, 64);
    if (!BitFields.supports(bits)) {
      throw settings.bad("bits", "2, 3, 4 or 8", "can't be used");
    }
    groupSize = settings.groupSize(128);
    String key = settings.json().hasNonNull("checkpoint_format") ? "checkpoint_format" : "format";
    String format = settings.text(key, "gptq").toLowerCase(Locale.ROOT);
    if (!format.equals("gptq") && !format.equals("gptq_v2")) {
      throw settings.bad(key, "gptq or gptq_v2", "this layout can't be read");
    }
    v2 = format.equals("gptq_v2");
    JsonNode dynamic = settings.json().path("dynamic");
    for (Iterator<String> rules = dynamic.fieldNames(); rules.hasNext(); ) {
      if (!rules.next().startsWith("-:")) { // those only leave layers alone
        throw settings.bad("dynamic", "no settings for single layers", "not supported");
      }
    }
  }

  @Override
  public String method() {
    return "gptq";
  }

  @Override
  public boolean holds(Checkpoint checkpoint, String name) {
    return checkpoint.find(StoredParts.module(name) + ".qweight").isPresent();
  }

  @Override
  public Optional<Tensor> load(
      Scope scope, Checkpoint checkpoint, String name, int rows, int cols) {
    StoredParts parts = StoredParts.of(scope, checkpoint, name);
    if (!parts.has(".qweight")) {
      return Optional.empty();
    }
    if ((long) cols * bits % 32 != 0 || (long) rows * bits % 32 != 0) {
      throw parts.bad(
          ".qweight",
          "sizes whose codes of " + bits + " bits fill whole words",
          "(" + rows + ", " + cols + ") by the configuration");
    }
    int group = groupSize == -1 ? cols : groupSize;
    int groups = Math.ceilDiv(cols, group);
    Tensor codes =
        parts.codes(".qweight", SafetensorsType.I32, (int) ((long) cols * bits / 32), rows);
    Tensor zeros =
        parts.codes(".qzeros", SafetensorsType.I32, groups, (int) ((long) rows * bits / 32));
    SideValues scales = parts.floats(".scales", groups, rows).check(parts.where(".scales"), true);
    int[] order = order(parts, cols, group, groups);
    return Optional.of(scope.pack(new Gptq(bits, group, codes, zeros, scales, order, cols, v2)));
  }

  /** {@code g_idx} where it says more than {@code k / group}; else null. */
  private static int[] order(StoredParts parts, int cols, int group, int groups) {
    Optional<StoredTensor> stored = parts.find(".g_idx");
    if (stored.isEmpty()) {
      return null;
    }
    parts.requireShape(".g_idx", stored.get(), cols);
    if (stored.get().type() != SafetensorsType.I32) {
      throw parts.bad(".g_idx", "dtype I32", stored.get().type().toString());
    }
    int[] order = new int[cols];
    MemorySegment.copy(stored.get().data(), HostMemory.INT, 0, order, 0, cols);
    boolean plain = true;
    for (int k = 0; k < cols; k++) {
      if (order[k] < 0 || order[k] >= groups) {
        throw parts.bad(".g_idx", "groups from 0 to " + (groups - 1), order[k] + " at " + k);
      }
      plain &= order[k] == k / group;
    }
    // old files have zeros for "in order"
    return plain || Arrays.stream(order).allMatch(g -> g == 0) ? null : order;
  }
}
