package llmengine.engine.file;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import llmengine.engine.FormatException;

/**
 * Writes safetensors files, one or sharded as transformers does. The header is made from the
 * declared tensors, then their bytes are streamed; nothing is held whole in memory. Files get their
 * names only when all of them are complete and on disk, so a full disk or an exception leaves what
 * was there before. (A machine that dies between the final renames of a sharded save can leave old
 * and new shards mixed; save into a fresh directory where that matters.)
 */
public final class SafetensorsWriter {
  /** What transformers puts into every file. */
  public static final Map<String, String> PT_METADATA = Map.of("format", "pt");

  private static final JsonFactory JSON = new JsonFactory();
  // data that starts on a cache line can be mapped and used in place by vector code
  private static final int DATA_ALIGNMENT = 64;
  private static final long PIECE_BYTES = 1 << 24;

  private final AtomicFile.Opener opener;

  SafetensorsWriter(AtomicFile.Opener opener) {
    this.opener = opener;
  }

  /** A writer to the file system. */
  public SafetensorsWriter() {
    this(AtomicFile.DISK);
  }

  /**
   * Writes one file. Tensors of wider dtypes come first (so that all are aligned), otherwise in the
   * given order.
   *
   * @throws FormatException if it can't be written (an older file is intact then), a name occurs
   *     twice, or a body does not deliver the declared number of bytes
   */
  public void write(Path target, List<TensorSource> tensors, Map<String, String> metadata) {
    commit(target.toAbsolutePath().getParent(), List.of(target), List.of(tensors), metadata, null);
  }

  /**
   * Writes {@code base.safetensors} into {@code directory}, or, when the tensors exceed {@code
   * maxShardBytes}, {@code base-00001-of-0000N.safetensors ...} and {@code
   * base.safetensors.index.json}; a tensor larger than the limit gets a shard of its own. Files of
   * an older save with the same base that are not replaced are removed last. Returns the weight
   * files written.
   *
   * @throws FormatException as {@link #write}
   */
  public List<Path> writeSharded(
      Path directory,
      String base,
      List<TensorSource> tensors,
      long maxShardBytes,
      Map<String, String> metadata) {
    if (maxShardBytes <= 0) {
      throw new FormatException(
          directory
              + ": bad shard size: expected more than 0 bytes, got "
              + maxShardBytes
              + ". Set a larger size.");
    }
    List<List<TensorSource>> shards = split(tensors, maxShardBytes);
    List<Path> files = new ArrayList<>();
    Map<String, String> shardOf = new LinkedHashMap<>();
    long total = 0;
    for (int i = 0; i < shards.size(); i++) {
      String name =
          shards.size() == 1
              ? base + ".safetensors"
              : String.format("%s-%05d-of-%05d.safetensors", base, i + 1, shards.size());
      files.add(directory.resolve(name));
      for (TensorSource tensor : shards.get(i)) {
        shardOf.put(tensor.name(), name);
        total += bytes(directory, tensor);
      }
    }
    Path index = directory.resolve(base + ".safetensors.index.json");
    boolean indexed = shards.size() > 1;
    byte[] json = indexed ? new SafetensorsIndex(shardOf).json(total) : null;
    commit(directory, files, shards, metadata, indexed ? Map.entry(index, json) : null);
    removeStale(directory, base, files, indexed);
    return files;
  }

  private static List<List<TensorSource>> split(List<TensorSource> tensors, long limit) {
    List<List<TensorSource>> shards = new ArrayList<>();
    List<TensorSource> current = new ArrayList<>();
    long size = 0;
    for (TensorSource tensor : tensors) {
      long bytes = bytes(Path.of(tensor.name()), tensor);
      if (!current.isEmpty() && bytes > limit - size) {
        shards.add(current);
        current = new ArrayList<>();
        size = 0;
      }
      current.add(tensor);
      size += bytes;
    }
    if (!current.isEmpty() || shards.isEmpty()) {
      shards.add(current);
    }
    return shards;
  }

  private void commit(
      Path directory,
      List<Path> files,
      List<List<TensorSource>> shards,
      Map<String, String> metadata,
      Map.Entry<Path, byte[]> index) {
    checkNames(directory, shards);
    Deque<AtomicFile> written = new ArrayDeque<>();
    try {
      try {
        Files.createDirectories(directory);
        for (int i = 0; i < files.size(); i++) {
          AtomicFile file = new AtomicFile(files.get(i), opener);
          written.add(file);
          writeFile(files.get(i), file, shards.get(i), metadata);
        }
        if (index != null) {
          AtomicFile file = new AtomicFile(index.getKey(), opener);
          written.add(file);
          file.write(ByteBuffer.wrap(index.getValue()));
          file.finish();
        }
        for (AtomicFile file : written) {
          file.rename();
        }
        AtomicFile.syncDirectory(directory);
      } finally {
        for (AtomicFile file : written) {
          file.close();
        }
      }
    } catch (IOException e) {
      throw new FormatException(
          files.getFirst()
              + ": can't be written: expected room for it and write permission, got "
              + e
              + ". Free space or choose another directory; what was there before is intact.",
          e);
    }
  }

  private void writeFile(
      Path path, AtomicFile file, List<TensorSource> tensors, Map<String, String> metadata)
      throws IOException {
    List<TensorSource> ordered = new ArrayList<>(tensors);
    ordered.sort(Comparator.comparingInt(t -> -t.type().bits()));
    file.write(ByteBuffer.wrap(header(path, ordered, metadata)));
    for (TensorSource tensor : ordered) {
      long declared = bytes(path, tensor);
      long[] delivered = {0};
      tensor
          .body()
          .writeTo(
              piece -> {
                delivered[0] += piece.byteSize();
                if (delivered[0] <= declared) {
                  writePiece(file, piece);
                }
              });
      if (delivered[0] != declared) {
        throw new FormatException(
            path
                + ": tensor \""
                + tensor.name()
                + "\": size does not match shape: expected "
                + declared
                + " bytes for "
                + tensor.type()
                + Arrays.toString(tensor.shape())
                + ", got "
                + delivered[0]
                + ". Nothing was written.");
      }
    }
    file.finish();
  }

  private static void writePiece(AtomicFile file, MemorySegment piece) throws IOException {
    for (long at = 0; at < piece.byteSize(); at += PIECE_BYTES) {
      long n = Math.min(PIECE_BYTES, piece.byteSize() - at);
      MemorySegment part = piece.asSlice(at, n);
      // a float[] or short[] on the heap has no byte buffer view
      file.write(
          part.isNative() || part.heapBase().orElse(null) instanceof byte[]
              ? part.asByteBuffer()
              : ByteBuffer.wrap(part.toArray(ValueLayout.JAVA_BYTE)));
    }
  }

  private static byte[] header(Path path, List<TensorSource> tensors, Map<String, String> metadata)
      throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.writeBytes(new byte[8]);
    try (JsonGenerator out = JSON.createGenerator(bytes)) {
      out.writeStartObject();
      if (!metadata.isEmpty()) {
        out.writeObjectFieldStart("__metadata__");
        for (var entry : metadata.entrySet()) {
          out.writeStringField(entry.getKey(), entry.getValue());
        }
        out.writeEndObject();
      }
      long position = 0;
      for (TensorSource tensor : tensors) {
        long end = Math.addExact(position, bytes(path, tensor));
        out.writeObjectFieldStart(tensor.name());
        out.writeStringField("dtype", tensor.type().name());
        out.writeFieldName("shape");
        out.writeArray(tensor.shape(), 0, tensor.shape().length);
        out.writeFieldName("data_offsets");
        out.writeArray(new long[] {position, end}, 0, 2);
        out.writeEndObject();
        position = end;
      }
      out.writeEndObject();
    }
    while (bytes.size() % DATA_ALIGNMENT != 0) {
      bytes.write(' ');
    }
    long length = bytes.size() - 8L;
    if (length > SafetensorsHeader.MAX_BYTES) {
      throw new FormatException(
          path
              + ": header too large: expected at most "
              + SafetensorsHeader.MAX_BYTES
              + " bytes, got "
              + length
              + ". Use smaller shards.");
    }
    byte[] header = bytes.toByteArray();
    for (int i = 0; i < 8; i++) {
      header[i] = (byte) (length >>> (8 * i));
    }
    return header;
  }

  private static void checkNames(Path where, Collection<List<TensorSource>> shards) {
    Set<String> names = new HashSet<>();
    for (List<TensorSource> shard : shards) {
      for (TensorSource tensor : shard) {
        if (tensor.name().equals("__metadata__") || !names.add(tensor.name())) {
          throw new FormatException(
              where
                  + ": tensor \""
                  + tensor.name()
                  + "\": name can't be used: expected distinct"
                  + " names other than __metadata__, got it again. Rename the tensor.");
        }
      }
    }
  }

  private static long bytes(Path where, TensorSource tensor) {
    try {
      return tensor.type().bytes(tensor.shape());
    } catch (ArithmeticException e) {
      throw new FormatException(
          where
              + ": tensor \""
              + tensor.name()
              + "\": bad shape: expected whole bytes, got "
              + tensor.type()
              + Arrays.toString(tensor.shape())
              + ". Check the shape.",
          e);
    }
  }

  private static void removeStale(Path directory, String base, List<Path> files, boolean indexed) {
    Pattern ours =
        Pattern.compile(
            Pattern.quote(base)
                + "(-\\d{5}-of-\\d{5})?\\.safetensors"
                + (indexed ? "" : "(\\.index\\.json)?"));
    try (Stream<Path> entries = Files.list(directory)) {
      for (Path entry : entries.toList()) {
        if (ours.matcher(entry.getFileName().toString()).matches() && !files.contains(entry)) {
          Files.delete(entry);
        }
      }
    } catch (IOException e) {
      throw new FormatException(
          directory
              + ": files of an older save can't be removed: expected only "
              + files.size()
              + " weight files, got "
              + e
              + ". Remove the older files by hand.",
          e);
    }
  }
}
