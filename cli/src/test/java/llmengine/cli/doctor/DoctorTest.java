package llmengine.cli.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DoctorTest {
  @TempDir Path folder;

  @Test
  void machineHasOneLineForEachSubject() {
    assertThat(Machine.findings(folder))
        .extracting(Finding::subject)
        .containsExactly("java", "cores", "code", "memory", "heap", "disk");
  }

  @Test
  void vectorAndScalarSumsAgree() {
    assertThat(VectorSelfTest.run().difference()).isLessThan(1e-6);
  }

  @Test
  void slowVectorsAndWrongSumsAreReported() {
    assertThat(advice(80, 4, 1e-8)).isEmpty();
    assertThat(advice(0.1, 0.3, 1e-8)).contains("C2");
    assertThat(advice(80, 4, 0.1)).contains("do not trust");
    assertThat(advice(80, 4, Double.NaN)).contains("do not trust");
  }

  @Test
  void gpuIsNamedWithTheReasonForNotUsingIt() throws IOException {
    Path driver = folder.resolve("nvidia");
    assertThat(Gpu.describe(driver, false)).startsWith("none: no NVIDIA driver");
    assertThat(Gpu.describe(driver, true)).contains("without a running NVIDIA driver");
    Files.createDirectories(driver);
    assertThat(Gpu.describe(driver, true)).contains("without a GPU");
    Path gpu = Files.createDirectories(driver.resolve("gpus/0000:01:00.0"));
    Files.writeString(gpu.resolve("information"), "Model: \t NVIDIA H100\nIRQ: 7\n");
    assertThat(Gpu.describe(driver, true))
        .isEqualTo("NVIDIA H100; not used: this version computes on the CPU");
    assertThat(Gpu.describe(driver, false)).contains("NVIDIA H100, libcuda.so.1 missing");
  }

  @Test
  void sizesHaveUnits() {
    assertThat(Bytes.text(0)).isEqualTo("0 MB");
    assertThat(Bytes.text(300L << 20)).isEqualTo("300 MB");
    assertThat(Bytes.text(3L << 29)).isEqualTo("1.5 GB");
  }

  private static String advice(double vector, double scalar, double difference) {
    return new VectorSelfTest(16, vector, scalar, difference).findings().getFirst().advice();
  }
}
