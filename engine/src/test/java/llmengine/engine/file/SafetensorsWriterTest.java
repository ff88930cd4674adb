package llmengine.engine.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import llmengine.engine.FormatException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {
  @TempDir Path dir;

  private static TensorSource bytes(String name, int n, int seed) {
    byte[] data = new byte[n];
    new Random(seed).nextBytes(data);
    return TensorSource.of(name, SafetensorsType.U8, new long[] {n}, MemorySegment.ofArray(data));
  }

  private static byte[] dataOf(TensorSource source) throws IOException {
    byte[][] data = new byte[1][];
    source.body().writeTo(piece -> data[0] = piece.toArray(ValueLayout.JAVA_BYTE));
    return data[0];
  }

  private List<String> entries() throws IOException {
    try (Stream<Path> list = Files.list(dir)) {
      return list.map(p -> p.getFileName().toString()).sorted().toList();
    }
  }

  /** A disk with room for a number of bytes, over all files. */
  private static AtomicFile.Opener diskOf(long room) {
    long[] left = {room};
    return path -> {
      WritableByteChannel real = AtomicFile.DISK.open(path);
      return new WritableByteChannel() {
        @Override
        public int write(ByteBuffer src) throws IOException {
          if (src.remaining() > left[0]) {
            throw new IOException("No space left on device");
          }
          left[0] -= src.remaining();
          return real.write(src);
        }

        @Override
        public boolean isOpen() {
          return real.isOpen();
        }

        @Override
        public void close() throws IOException {
          real.close();
        }
      };
    };
  }

  @Test
  void whatIsWrittenIsRead() throws IOException {
    Path path = dir.resolve("m.safetensors");
    TensorSource odd = bytes("odd", 13, 1);
    float[] values = {1f, -2f, 3.5f};
    TensorSource wide =
        TensorSource.of(
            "wide \u00fc\"", SafetensorsType.F32, new long[] {3, 1}, MemorySegment.ofArray(values));
    TensorSource none =
        TensorSource.of(
            "none", SafetensorsType.BF16, new long[] {0}, MemorySegment.ofArray(new byte[0]));
    new SafetensorsWriter()
        .write(path, List.of(odd, wide, none), Map.of("format", "pt", "note", "a\nb"));
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertThat(file.metadata()).isEqualTo(Map.of("format", "pt", "note", "a\nb"));
      StoredTensor read = file.tensor("wide \u00fc\"");
      assertThat(read.position() % 64).isZero();
      assertThat(read.shape()).containsExactly(3, 1);
      assertThat(read.data().toArray(ValueLayout.JAVA_FLOAT)).containsExactly(values);
      assertThat(file.tensor("odd").data().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(dataOf(odd));
      assertThat(file.tensor("none").shape()).containsExactly(0);
    }
    assertThat(entries()).containsExactly("m.safetensors");
  }

  @Test
  void convertsPieceByPiece() {
    int n = 600_001; // more than two pieces
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = i;
    }
    TensorSource.Converter truncate =
        (from, to, count) -> {
          for (long i = 0; i < count; i++) {
            int bits = from.getAtIndex(ValueLayout.JAVA_INT, i);
            to.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) (bits >>> 16));
          }
        };
    Path path = dir.resolve("m.safetensors");
    TensorSource source =
        TensorSource.converted(
            "w",
            new long[] {n},
            SafetensorsType.F32,
            MemorySegment.ofArray(values),
            SafetensorsType.BF16,
            truncate);
    new SafetensorsWriter().write(path, List.of(source), Map.of());
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      short[] read = file.tensor("w").data().toArray(ValueLayout.JAVA_SHORT_UNALIGNED);
      assertThat(read).hasSize(n);
      for (int i = 0; i < n; i++) {
        assertThat(read[i]).isEqualTo((short) (Float.floatToRawIntBits(i) >>> 16));
      }
      assertThat(file.metadata()).isEmpty();
    }
  }

  @Test
  void shardsAsTransformersDoes() throws IOException {
    List<TensorSource> tensors =
        List.of(bytes("a", 40, 1), bytes("b", 60, 2), bytes("big", 150, 3), bytes("c", 10, 4));
    List<Path> files =
        new SafetensorsWriter()
            .writeSharded(dir, "model", tensors, 100, SafetensorsWriter.PT_METADATA);
    assertThat(files)
        .extracting(p -> p.getFileName().toString())
        .containsExactly(
            "model-00001-of-00003.safetensors",
            "model-00002-of-00003.safetensors",
            "model-00003-of-00003.safetensors");
    assertThat(Files.readString(dir.resolve("model.safetensors.index.json")))
        .isEqualTo(
            """
            {
              "metadata" : {
                "total_size" : 260
              },
              "weight_map" : {
                "a" : "model-00001-of-00003.safetensors",
                "b" : "model-00001-of-00003.safetensors",
                "big" : "model-00002-of-00003.safetensors",
                "c" : "model-00003-of-00003.safetensors"
              }
            }\
            """);
    try (Checkpoint checkpoint = Checkpoint.open(dir)) {
      assertThat(checkpoint.names()).containsExactly("a", "b", "big", "c");
      for (TensorSource tensor : tensors) {
        assertThat(checkpoint.tensor(tensor.name()).data().toArray(ValueLayout.JAVA_BYTE))
            .isEqualTo(dataOf(tensor));
      }
    }
  }

  @Test
  void anotherShardCountLeavesNoStaleFiles() throws IOException {
    SafetensorsWriter writer = new SafetensorsWriter();
    List<TensorSource> tensors = List.of(bytes("a", 40, 1), bytes("b", 60, 2));
    Files.writeString(dir.resolve("adapter_model.safetensors"), "someone else's");
    writer.writeSharded(dir, "model", tensors, 50, Map.of());
    writer.writeSharded(dir, "model", tensors, 100, Map.of());
    assertThat(entries()).containsExactly("adapter_model.safetensors", "model.safetensors");
    writer.writeSharded(dir, "model", tensors, 50, Map.of());
    assertThat(entries())
        .containsExactly(
            "adapter_model.safetensors",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json");
  }

  @Test
  void fullDiskKeepsTheOldCheckpoint() throws IOException {
    List<TensorSource> old = List.of(bytes("a", 40, 1), bytes("b", 60, 2));
    new SafetensorsWriter().writeSharded(dir, "model", old, 50, Map.of());
    List<String> before = entries();
    List<byte[]> contents = new ArrayList<>();
    for (String name : before) {
      contents.add(Files.readAllBytes(dir.resolve(name)));
    }
    List<TensorSource> fresh = List.of(bytes("a", 40, 8), bytes("b", 60, 9));
    long needed = contents.stream().mapToLong(bytes -> bytes.length).sum();
    for (long room = needed - 1; room >= 0; room -= 7) {
      SafetensorsWriter writer = new SafetensorsWriter(diskOf(room));
      assertThatThrownBy(() -> writer.writeSharded(dir, "model", fresh, 50, Map.of()))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("No space left on device")
          .hasMessageContaining("intact");
      assertThat(entries()).isEqualTo(before);
      for (int i = 0; i < before.size(); i++) {
        assertThat(Files.readAllBytes(dir.resolve(before.get(i)))).isEqualTo(contents.get(i));
      }
    }
  }

  @Test
  void failingBodyKeepsTheOldFile() throws IOException {
    Path path = dir.resolve("m.safetensors");
    SafetensorsWriter writer = new SafetensorsWriter();
    writer.write(path, List.of(bytes("a", 40, 1)), Map.of());
    byte[] before = Files.readAllBytes(path);
    long[] shape = {8};
    TensorSource bug =
        new TensorSource(
            "a",
            SafetensorsType.U8,
            shape,
            out -> {
              throw new IllegalStateException("bug");
            });
    TensorSource few =
        TensorSource.of("a", SafetensorsType.U8, shape, MemorySegment.ofArray(new byte[7]));
    TensorSource many =
        TensorSource.of("a", SafetensorsType.U8, shape, MemorySegment.ofArray(new byte[9]));
    assertThatThrownBy(() -> writer.write(path, List.of(bug), Map.of()))
        .isInstanceOf(IllegalStateException.class);
    for (TensorSource wrong : List.of(few, many)) {
      assertThatThrownBy(() -> writer.write(path, List.of(wrong), Map.of()))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("tensor \"a\": size does not match shape: expected 8 bytes");
    }
    assertThatThrownBy(
            () -> writer.write(path, List.of(bytes("a", 1, 1), bytes("a", 1, 2)), Map.of()))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("distinct");
    assertThat(entries()).containsExactly("m.safetensors");
    assertThat(Files.readAllBytes(path)).isEqualTo(before);
  }
}
