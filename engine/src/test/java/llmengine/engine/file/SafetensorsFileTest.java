package llmengine.engine.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Stream;
import llmengine.engine.FormatException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsFileTest {
  private static final String GOOD =
      "{'__metadata__':{'format':'pt'},"
          + "'a':{'dtype':'F32','shape':[2,2],'data_offsets':[0,16]},"
          + "'b.weight':{'dtype':'BF16','shape':[3],'data_offsets':[16,22]},"
          + "'empty':{'dtype':'I64','shape':[0,5],'data_offsets':[22,22]},"
          + "'scalar':{'dtype':'U8','shape':[],'data_offsets':[22,23]}}  ";

  @TempDir Path dir;

  static byte[] file(String json, int dataBytes) {
    byte[] header = json.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    return file(header.length, header, dataBytes);
  }

  private static byte[] file(long length, byte[] header, int dataBytes) {
    ByteBuffer out = ByteBuffer.allocate(8 + header.length + dataBytes);
    out.order(ByteOrder.LITTLE_ENDIAN).putLong(length).put(header);
    for (int i = 0; i < dataBytes; i++) {
      out.put((byte) i);
    }
    return out.array();
  }

  private static SafetensorsHeader.Parsed parse(byte[] bytes) {
    return SafetensorsHeader.parse("x.safetensors", MemorySegment.ofArray(bytes));
  }

  @Test
  void readsNamesTypesShapesAndBytes() throws IOException {
    Path path = Files.write(dir.resolve("x.safetensors"), file(GOOD, 23));
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertThat(file.metadata()).containsExactly(java.util.Map.entry("format", "pt"));
      assertThat(file.tensors().keySet()).containsExactly("a", "b.weight", "empty", "scalar");
      StoredTensor b = file.tensor("b.weight");
      assertThat(b.type()).isEqualTo(SafetensorsType.BF16);
      assertThat(b.shape()).containsExactly(3);
      assertThat(b.count()).isEqualTo(3);
      assertThat(b.data().toArray(ValueLayout.JAVA_BYTE)).containsExactly(16, 17, 18, 19, 20, 21);
      assertThat(file.tensor("empty").data().byteSize()).isZero();
      assertThat(file.tensor("scalar").count()).isEqualTo(1);
      assertThat(file.tensor("a").data().isReadOnly()).isTrue();
      assertThatThrownBy(() -> file.tensor("c.weight"))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("no tensor \"c.weight\"")
          .hasMessageContaining("4 tensors (a, b.weight");
    }
  }

  @ParameterizedTest(name = "{1}")
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}                 | not JSON",
        "['a']                                                                | not a safetensors",
        "{'a':3}                                                              | wrong JSON",
        "{'a':{'dtype':'F33','shape':[2],'data_offsets':[0,8]}}               | unknown dtype",
        "{'a':{'dtype':7,'shape':[2],'data_offsets':[0,8]}}                   | a\" dtype: wrong",
        "{'a':{'dtype':'F32','shape':2,'data_offsets':[0,8]}}                 | a\" shape: wrong",
        "{'a':{'dtype':'F32','shape':[-2],'data_offsets':[0,8]}}              | bad shape",
        "{'a':{'dtype':'F32','shape':[2.0],'data_offsets':[0,8]}}             | a\" shape: wrong",
        "{'a':{'dtype':'F32','shape':[99999999999999999999],'data_offsets':[0,8]}} | bad shape",
        "{'a':{'dtype':'F32','shape':[4611686018427387904,8],'data_offsets':[0,8]}} | bad shape",
        "{'a':{'dtype':'F4','shape':[3],'data_offsets':[0,1]}}                | whole bytes",
        "{'a':{'dtype':'F32','shape':[3],'data_offsets':[0,8]}}      | 12 bytes for F32[3]",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[8,0]}}               | bad data_offsets",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[-8,0]}}              | bad data_offsets",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0]}}                 | bad data_offsets",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8],'x':1}}         | unknown key",
        "{'a':{'dtype':'F32','shape':[2]}}                                    | no data_offsets",
        "{'a':{'dtype':'F32','shape':[4],'data_offsets':[0,16]}}              | truncated file",
        "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}}  | bytes after the last tensor",
        "{'a':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}}               | leaves a gap",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},'a':{}}        | Duplicate",
        "{'a':{'dtype':'U8','shape':[5],'data_offsets':[0,5]},'b':{'dtype':'U8','shape':[4],"
            + "'data_offsets':[4,8]}}                                        | overlaps",
        "{'__metadata__':{'n':1}}                                             | __metadata__ n",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}} {}            | bytes after the",
      })
  void refusesHostileHeaders(String json, String message) {
    assertThatThrownBy(() -> parse(file(json.strip(), 8)))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith("x.safetensors: ")
        .hasMessageContaining(message.strip())
        .hasMessageContaining("expected")
        .hasMessageContaining("got");
  }

  @Test
  void refusesBadLengths() {
    byte[] header = "{}".getBytes(StandardCharsets.UTF_8);
    for (long length : new long[] {-1, 0, 1, 100_000_001, Long.MIN_VALUE, 3, 1L << 32}) {
      assertThatThrownBy(() -> parse(file(length, header, 0))).isInstanceOf(FormatException.class);
    }
    assertThatThrownBy(() -> parse(new byte[7])).isInstanceOf(FormatException.class);
    assertThat(parse(file(2, header, 0)).tensors()).isEmpty();
  }

  @Test
  void refusesMissingFilesDirectoriesAndEmptyFiles() throws IOException {
    Path empty = Files.createFile(dir.resolve("empty"));
    for (Path path : new Path[] {dir.resolve("none"), dir, empty}) {
      assertThatThrownBy(() -> SafetensorsFile.open(path))
          .isInstanceOf(FormatException.class)
          .hasMessageStartingWith(path + ": ");
    }
  }

  @Test
  void everyTruncationIsRefused() {
    byte[] whole = file(GOOD, 23);
    for (int n = 0; n < whole.length; n++) {
      byte[] cut = java.util.Arrays.copyOf(whole, n);
      assertThatThrownBy(() -> parse(cut)).isInstanceOf(FormatException.class);
    }
  }

  @Test
  void mutatedBytesThrowNothingButFormatException() {
    byte[] whole = file(GOOD, 23);
    Random random = new Random(1);
    for (int round = 0; round < 30_000; round++) {
      byte[] bytes = whole.clone();
      for (int i = random.nextInt(4); i >= 0; i--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
      }
      parseOrRefuse(bytes);
    }
  }

  private static void parseOrRefuse(byte[] bytes) {
    try {
      for (StoredTensor tensor : parse(bytes).tensors().values()) {
        assertThat(tensor.data().byteSize() * 8).isEqualTo(tensor.count() * tensor.type().bits());
      }
    } catch (FormatException expected) {
      assertThat(expected).hasMessageStartingWith("x.safetensors: ");
    }
  }

  @Test
  void fileLargerThanTwoGigabytesIsMapped() throws IOException {
    long size = 3L << 30;
    Path path = dir.resolve("large.safetensors");
    String json = "{'a':{'dtype':'U8','shape':[" + size + "],'data_offsets':[0," + size + "]}}    ";
    byte[] head = file(json, 0);
    try (var channel = new java.io.RandomAccessFile(path.toFile(), "rw")) {
      channel.write(head);
      channel.setLength(head.length + size); // sparse: takes no room
      channel.seek(head.length + size - 1);
      channel.write(42);
    }
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      MemorySegment data = file.tensor("a").data();
      assertThat(data.byteSize()).isEqualTo(size);
      assertThat(data.get(ValueLayout.JAVA_BYTE, size - 1)).isEqualTo((byte) 42);
    }
  }

  @Test
  void referenceModelsOpen() throws IOException {
    Path models = SharedFiles.path("models/tiny");
    int opened = 0;
    try (Stream<Path> families = Files.list(models)) {
      for (Path family : families.filter(Files::isDirectory).toList()) {
        try (Checkpoint checkpoint = Checkpoint.open(family)) {
          assertThat(checkpoint.names()).isNotEmpty();
          opened++;
        }
      }
    }
    assertThat(opened).isPositive();
  }
}
