package llmengine.engine.file;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import llmengine.engine.FormatException;

/**
 * Writes GGUF files, version 3. The head is made from the declared tensors, then their bytes are
 * streamed, each tensor starting at a multiple of the alignment; nothing is held whole in memory.
 * The file gets its name only when it is complete and on disk, so a full disk or an exception
 * leaves what was there before.
 */
public final class GgufWriter {
  private static final int LONGEST_NAME = 63; // GGML_MAX_NAME less the closing zero
  private static final int PIECE_BYTES = 1 << 24;

  private final AtomicFile.Opener opener;

  GgufWriter(AtomicFile.Opener opener) {
    this.opener = opener;
  }

  /** A writer to the file system. */
  public GgufWriter() {
    this(AtomicFile.DISK);
  }

  /**
   * Writes one file: metadata and tensors in the given order. The alignment is 32 bytes, or what
   * {@code general.alignment} says.
   *
   * @throws FormatException if it can't be written (an older file is intact then), a name can't be
   *     used, a value does not fit its type, or a body does not deliver the declared bytes
   */
  public void write(Path target, Map<String, GgufDatum> metadata, List<GgufSource> tensors) {
    int alignment = alignment(target, metadata);
    byte[] head = head(target, metadata, tensors, alignment);
    Path absolute = target.toAbsolutePath();
    try {
      Files.createDirectories(absolute.getParent());
      try (AtomicFile file = new AtomicFile(absolute, opener)) {
        file.write(ByteBuffer.wrap(head));
        for (GgufSource tensor : tensors) {
          long bytes = body(file, tensor);
          file.write(ByteBuffer.allocate((int) (padded(bytes, alignment) - bytes)));
        }
        file.finish();
        file.rename();
      }
      AtomicFile.syncDirectory(absolute.getParent());
    } catch (IOException e) {
      throw new FormatException(
          target
              + ": can't be written: expected room for it and write permission, got "
              + e
              + ". Free space or choose another directory; what was there before is intact.",
          e);
    }
  }

  private static int alignment(Path target, Map<String, GgufDatum> metadata) {
    GgufDatum given = metadata.get("general.alignment");
    if (given == null) {
      return GgufHeader.DEFAULT_ALIGNMENT;
    }
    if (given.value() instanceof Number n
        && n.longValue() >= 1
        && n.longValue() <= GgufHeader.LARGEST_ALIGNMENT
        && Long.bitCount(n.longValue()) == 1) {
      return n.intValue();
    }
    throw new FormatException(
        target
            + ": general.alignment: expected a power of two up to 2^20, got "
            + given.value()
            + ". Leave it out for 32.");
  }

  private static byte[] head(
      Path target, Map<String, GgufDatum> metadata, List<GgufSource> tensors, int alignment) {
    GgufOutput out = new GgufOutput();
    out.int32(GgufHeader.MAGIC);
    out.int32(3);
    out.int64(tensors.size());
    out.int64(metadata.size());
    metadata.forEach(
        (key, datum) -> {
          out.string(key);
          datum.write(target + ": metadata " + key, out);
        });
    Set<String> names = new HashSet<>();
    long offset = 0;
    for (GgufSource tensor : tensors) {
      int length = tensor.name().getBytes(StandardCharsets.UTF_8).length;
      if (length > LONGEST_NAME || !names.add(tensor.name())) {
        throw tensor.bad(
            "name can't be used",
            "distinct names of up to " + LONGEST_NAME + " bytes",
            length > LONGEST_NAME ? length + " bytes" : "it again");
      }
      out.string(tensor.name());
      out.int32(tensor.shape().length);
      for (int i = tensor.shape().length - 1; i >= 0; i--) { // ne: the innermost comes first
        out.int64(tensor.shape()[i]);
      }
      out.int32(tensor.type().id());
      out.int64(offset);
      offset = Math.addExact(offset, padded(tensor.bytes(), alignment));
    }
    out.align(alignment);
    return out.toByteArray();
  }

  private static long padded(long bytes, int alignment) {
    return (bytes + alignment - 1) / alignment * alignment;
  }

  private static long body(AtomicFile file, GgufSource tensor) throws IOException {
    long declared = tensor.bytes();
    long[] delivered = {0};
    tensor
        .body()
        .writeTo(
            piece -> {
              delivered[0] += piece.byteSize();
              if (delivered[0] <= declared) {
                write(file, piece);
              }
            });
    if (delivered[0] != declared) {
      throw tensor.bad("size does not match shape", declared + " bytes", delivered[0] + " bytes");
    }
    return declared;
  }

  private static void write(AtomicFile file, MemorySegment piece) throws IOException {
    for (long at = 0; at < piece.byteSize(); at += PIECE_BYTES) {
      MemorySegment part = piece.asSlice(at, Math.min(PIECE_BYTES, piece.byteSize() - at));
      // a float[] on the heap has no byte buffer view
      file.write(
          part.isNative() || part.heapBase().orElse(null) instanceof byte[]
              ? part.asByteBuffer()
              : ByteBuffer.wrap(part.toArray(ValueLayout.JAVA_BYTE)));
    }
  }
}
