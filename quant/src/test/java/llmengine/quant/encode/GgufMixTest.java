package llmengine.quant.encode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import llmengine.engine.FormatException;
import llmengine.engine.file.GgufFile;
import llmengine.engine.file.GgufTensor;
import llmengine.engine.file.GgufType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class GgufMixTest {
  private static final GgufMix.Model LLAMA_8B = new GgufMix.Model("llama", 32, 32, 8, 0, false);

  @TempDir Path folder;

  /** All tensors of a model with rows of {@code cols} values, as few rows as are quantized. */
  private static List<TinyGguf.Tensor> tensors(GgufMix.Model model, int cols) {
    List<TinyGguf.Tensor> all = new ArrayList<>();
    all.add(matrix("token_embd.weight", 2, cols));
    if (!model.tied()) {
      all.add(matrix("output.weight", 2, cols));
    }
    all.add(matrix("output_norm.weight", cols));
    for (int layer = 0; layer < model.layers(); layer++) {
      String block = "blk." + layer + ".";
      all.add(matrix(block + "attn_norm.weight", cols));
      if (model.architecture().equals("falcon")) {
        all.add(matrix(block + "attn_qkv.weight", 2, cols));
      } else {
        all.add(matrix(block + "attn_q.weight", 2, cols));
        all.add(matrix(block + "attn_k.weight", 2, cols));
        all.add(matrix(block + "attn_v.weight", 2, cols));
      }
      all.add(matrix(block + "attn_q.bias", cols));
      all.add(matrix(block + "attn_output.weight", 2, cols));
      if (model.experts() > 0) {
        all.add(matrix(block + "ffn_gate_inp.weight", 2, cols));
        all.add(matrix(block + "ffn_gate_exps.weight", 2, 2, cols));
        all.add(matrix(block + "ffn_up_exps.weight", 2, 2, cols));
        all.add(matrix(block + "ffn_down_exps.weight", 2, 2, cols));
      } else {
        all.add(matrix(block + "ffn_gate.weight", 2, cols));
        all.add(matrix(block + "ffn_up.weight", 2, cols));
        all.add(matrix(block + "ffn_down.weight", 2, cols));
      }
    }
    return all;
  }

  private static TinyGguf.Tensor matrix(String name, long... shape) {
    long count = 1;
    for (long size : shape) {
      count *= size;
    }
    return new TinyGguf.Tensor(name, shape, new float[(int) count]);
  }

  @ParameterizedTest
  @EnumSource(GgufMix.class)
  void choosesTheTypesThatLlamaQuantizeChooses(GgufMix mix) throws IOException {
    LlamaQuantize.program();
    compare(mix, LLAMA_8B, 256, true);
    compare(mix, new GgufMix.Model("llama", 22, 8, 8, 0, true), 256, false);
    compare(mix, new GgufMix.Model("llama", 9, 9, 3, 0, true), 288, true);
    compare(mix, new GgufMix.Model("llama", 3, 4, 1, 0, false), 48, true);
    compare(mix, new GgufMix.Model("llama", 80, 64, 8, 0, false), 256, false);
    compare(mix, new GgufMix.Model("qwen2", 80, 64, 8, 0, false), 256, false);
    compare(mix, new GgufMix.Model("llama", 16, 32, 8, 8, false), 256, false);
    compare(mix, new GgufMix.Model("llama", 16, 32, 8, 4, true), 256, false);
    compare(mix, new GgufMix.Model("falcon", 32, 8, 1, 0, false), 256, false);
  }

  private void compare(GgufMix mix, GgufMix.Model model, int cols, boolean alsoPure)
      throws IOException {
    Path source = folder.resolve("source.gguf");
    TinyGguf.write(source, model, tensors(model, cols));
    compare(source, mix, model, false);
    if (alsoPure) {
      compare(source, mix, model, true);
    }
  }

  private void compare(Path source, GgufMix mix, GgufMix.Model model, boolean pure)
      throws IOException {
    Path target = folder.resolve("target.gguf");
    String[] options = pure ? new String[] {"--pure"} : new String[0];
    LlamaQuantize.run(source, target, mix.name(), options);
    Map<String, GgufType> expected = new TreeMap<>();
    Map<String, GgufType> chosen = new TreeMap<>();
    try (GgufFile file = GgufFile.open(target)) {
      assertThat(((Number) file.metadata().get("general.file_type")).intValue())
          .isEqualTo(mix.fileType());
      for (GgufTensor tensor : file.tensors().values()) {
        expected.put(tensor.name(), tensor.type());
        chosen.put(
            tensor.name(),
            pure
                ? mix.pureTypeOf(tensor.name(), tensor.shape())
                : mix.typeOf(tensor.name(), tensor.shape(), model));
      }
    }
    assertThat(chosen).as(mix + " of " + model + (pure ? ", pure" : "")).isEqualTo(expected);
  }

  @Test
  void theMediumMixSpendsBitsWhereTheyCount() {
    long[] shape = {1024, 4096};
    GgufMix mix = GgufMix.Q4_K_M;
    assertThat(mix.typeOf("output.weight", shape, LLAMA_8B)).isEqualTo(GgufType.Q6_K);
    assertThat(mix.typeOf("token_embd.weight", shape, LLAMA_8B)).isEqualTo(GgufType.Q4_K);
    assertThat(mix.typeOf("blk.0.attn_v.weight", shape, LLAMA_8B)).isEqualTo(GgufType.Q6_K);
    assertThat(mix.typeOf("blk.4.attn_v.weight", shape, LLAMA_8B)).isEqualTo(GgufType.Q4_K);
    assertThat(mix.typeOf("blk.31.ffn_down.weight", shape, LLAMA_8B)).isEqualTo(GgufType.Q6_K);
    assertThat(mix.typeOf("blk.31.ffn_up.weight", shape, LLAMA_8B)).isEqualTo(GgufType.Q4_K);
    assertThat(mix.typeOf("blk.31.ffn_norm.weight", new long[] {4096}, LLAMA_8B))
        .isEqualTo(GgufType.F32);
  }

  @Test
  void rowsThatAreNotWholeBlocksGetAnotherType() {
    assertThat(GgufMix.fitting(GgufType.Q4_K, 576)).isEqualTo(GgufType.Q5_0);
    assertThat(GgufMix.fitting(GgufType.Q5_K, 576)).isEqualTo(GgufType.Q5_1);
    assertThat(GgufMix.fitting(GgufType.Q6_K, 576)).isEqualTo(GgufType.Q8_0);
    assertThat(GgufMix.fitting(GgufType.Q3_K, 576)).isEqualTo(GgufType.Q4_0);
    assertThat(GgufMix.fitting(GgufType.IQ4_XS, 576)).isEqualTo(GgufType.IQ4_NL);
    assertThat(GgufMix.fitting(GgufType.Q6_K, 1536)).isEqualTo(GgufType.Q6_K);
    assertThat(GgufMix.fitting(GgufType.Q4_0, 48)).isEqualTo(GgufType.F16);
  }

  @Test
  void namesAreThoseOfLlamaQuantize() {
    assertThat(GgufMix.named("q4_k_m")).isEqualTo(GgufMix.Q4_K_M);
    assertThat(GgufMix.named("Q5_K")).isEqualTo(GgufMix.Q5_K_M);
    assertThatThrownBy(() -> GgufMix.named("Q4_K_XL"))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("got Q4_K_XL");
    for (GgufMix mix : GgufMix.values()) {
      assertThat(BlockEncoders.named(mix.base().name())).as(mix.name()).isPresent();
    }
  }
}
