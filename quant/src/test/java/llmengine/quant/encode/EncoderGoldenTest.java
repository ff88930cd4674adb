package llmengine.quant.encode;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import llmengine.engine.file.SafetensorsFile;
import llmengine.quant.SharedFiles;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EncoderGoldenTest {
  @ParameterizedTest
  @ValueSource(
      strings = {"F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "MXFP4", "TQ1_0", "TQ2_0"})
  void encodesByteForByteAsTheReference(String name) {
    Path golden = SharedFiles.path("golden/open/F_quant/gguf_" + name + "/golden.safetensors");
    try (SafetensorsFile file = SafetensorsFile.open(golden)) {
      byte[] expected = file.tensor("bytes").data().toArray(ValueLayout.JAVA_BYTE);
      float[] source = file.tensor("source").data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
      BlockEncoder encoder = BlockEncoders.named(name).orElseThrow();
      byte[] encoded = new byte[expected.length];
      int blocks = source.length / encoder.format().blockValues();
      encoder.encode(source, 0, encoded, 0, blocks);
      assertThat(encoded).isEqualTo(expected);
    }
  }
}
