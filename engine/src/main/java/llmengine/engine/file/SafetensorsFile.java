package llmengine.engine.file;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import llmengine.engine.FormatException;

/**
 * A memory-mapped safetensors file. Opening reads and checks the header only; tensor data are views
 * of the mapping (zero copy), valid until {@link #close()}. Files of more than 2 GB are fine.
 */
public final class SafetensorsFile implements AutoCloseable {
  private final Path path;
  private final Arena arena;
  private final SafetensorsHeader.Parsed header;

  private SafetensorsFile(Path path, Arena arena, SafetensorsHeader.Parsed header) {
    this.path = path;
    this.arena = arena;
    this.header = header;
  }

  /**
   * Maps the file and checks its whole header.
   *
   * @throws FormatException if it is missing, unreadable or malformed in any way
   */
  public static SafetensorsFile open(Path path) {
    Arena arena = Arena.ofShared();
    boolean opened = false;
    try {
      var header = SafetensorsHeader.parse(path.toString(), MappedFile.map(path, arena));
      opened = true;
      return new SafetensorsFile(path, arena, header);
    } finally {
      if (!opened) {
        arena.close();
      }
    }
  }

  /** The file this was opened from. */
  public Path path() {
    return path;
  }

  /** Tensors by name, in the order of their data. */
  public Map<String, StoredTensor> tensors() {
    return header.tensors();
  }

  /** The {@code __metadata__} map, empty if there is none. */
  public Map<String, String> metadata() {
    return header.metadata();
  }

  /** The tensor with this name, if the file has it. */
  public Optional<StoredTensor> find(String name) {
    return Optional.ofNullable(header.tensors().get(name));
  }

  /**
   * The tensor with this name.
   *
   * @throws FormatException if the file has no such tensor
   */
  public StoredTensor tensor(String name) {
    return find(name)
        .orElseThrow(
            () ->
                new FormatException(
                    path
                        + ": no tensor \""
                        + name
                        + "\": expected one of "
                        + TensorNames.list(tensors().keySet(), name)
                        + ", got none"
                        + ". Check that the file belongs to this model."));
  }

  /** Unmaps the file; views of it can't be read any more. */
  @Override
  public void close() {
    arena.close();
  }
}
