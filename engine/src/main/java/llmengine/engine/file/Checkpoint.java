package llmengine.engine.file;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import llmengine.engine.FormatException;

/**
 * The weights of one model: a safetensors file, or a directory with {@code model.safetensors} or
 * with {@code model.safetensors.index.json} and its shards. Tensors are views of the mapped files,
 * valid until {@link #close()}.
 */
public final class Checkpoint implements AutoCloseable {
  private static final List<String> PICKLES = List.of(".bin", ".pt", ".pth", ".ckpt");

  private final Path where;
  private final List<SafetensorsFile> files;
  private final Map<String, StoredTensor> tensors;

  private Checkpoint(Path where, List<SafetensorsFile> files, Map<String, StoredTensor> tensors) {
    this.where = where;
    this.files = files;
    this.tensors = Collections.unmodifiableMap(tensors);
  }

  /** Opens a model: as {@link #open(Path, String)} with base name {@code model}. */
  public static Checkpoint open(Path path) {
    return open(path, "model");
  }

  /**
   * Opens a safetensors file, or the directory holding {@code base.safetensors} or {@code
   * base.safetensors.index.json} (base is {@code adapter_model} for PEFT adapters). A single file
   * wins over an index, as in transformers.
   *
   * @throws FormatException if nothing usable is there, a shard is missing or malformed, or index
   *     and shards disagree
   */
  public static Checkpoint open(Path path, String base) {
    List<SafetensorsFile> files = new ArrayList<>();
    boolean opened = false;
    try {
      Checkpoint checkpoint = new Checkpoint(path, files, load(path, base, files));
      opened = true;
      return checkpoint;
    } finally {
      if (!opened) {
        files.forEach(SafetensorsFile::close);
      }
    }
  }

  private static Map<String, StoredTensor> load(
      Path path, String base, List<SafetensorsFile> files) {
    if (!Files.isDirectory(path)) {
      if (PICKLES.stream().anyMatch(path.toString()::endsWith)) {
        throw pickle(path, base + ".safetensors", path.getFileName().toString());
      }
      if (path.toString().endsWith(".gguf")) {
        throw new FormatException(
            path
                + ": not a safetensors checkpoint: expected "
                + base
                + ".safetensors or a directory, got a GGUF file. Open it as GGUF.");
      }
      files.add(SafetensorsFile.open(path));
      return files.getFirst().tensors();
    }
    Path single = path.resolve(base + ".safetensors");
    if (Files.isRegularFile(single)) {
      files.add(SafetensorsFile.open(single));
      return files.getFirst().tensors();
    }
    Path index = path.resolve(base + ".safetensors.index.json");
    if (!Files.isRegularFile(index)) {
      throw nothingUsable(path, base);
    }
    return loadShards(index, SafetensorsIndex.read(index), files);
  }

  private static Map<String, StoredTensor> loadShards(
      Path indexFile, SafetensorsIndex index, List<SafetensorsFile> files) {
    List<String> shards = index.shards();
    Map<String, String> foundIn = new LinkedHashMap<>();
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    for (String shard : shards) {
      Path shardFile = indexFile.resolveSibling(shard);
      if (!Files.isRegularFile(shardFile)) {
        throw new FormatException(
            indexFile
                + ": shard missing: expected "
                + shards.size()
                + " files, got no "
                + shard
                + ". Download the missing file into the same directory.");
      }
      SafetensorsFile file = SafetensorsFile.open(shardFile);
      files.add(file);
      for (StoredTensor tensor : file.tensors().values()) {
        String other = foundIn.putIfAbsent(tensor.name(), shard);
        if (other != null) {
          throw new FormatException(
              indexFile
                  + ": tensor \""
                  + tensor.name()
                  + "\": stored twice: expected one shard,"
                  + " got "
                  + other
                  + " and "
                  + shard
                  + ". Download or save the checkpoint again.");
        }
        tensors.put(tensor.name(), tensor);
      }
    }
    index
        .shardOf()
        .forEach(
            (name, shard) -> {
              String found = foundIn.get(name);
              if (!shard.equals(found)) {
                throw new FormatException(
                    indexFile
                        + ": tensor \""
                        + name
                        + "\": not where the index says: expected it"
                        + " in "
                        + shard
                        + ", got it in "
                        + (found == null ? "no shard" : found)
                        + ". Download or save the checkpoint again.");
              }
            });
    return tensors;
  }

  private static FormatException nothingUsable(Path directory, String base) {
    String expected = base + ".safetensors or " + base + ".safetensors.index.json";
    List<String> names;
    try (Stream<Path> entries = Files.list(directory)) {
      names = entries.map(p -> p.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      return new FormatException(
          directory
              + ": can't be read: expected "
              + expected
              + ", got "
              + e
              + ". Check permissions.",
          e);
    }
    for (String name : names) {
      String plain = name.endsWith(".index.json") ? name.replace(".index.json", "") : name;
      if (PICKLES.stream().anyMatch(plain::endsWith) && !plain.equals("training_args.bin")) {
        return pickle(directory, expected, name);
      }
    }
    for (String name : names) {
      if (name.endsWith(".gguf")) {
        return new FormatException(
            directory
                + ": no safetensors weights: expected "
                + expected
                + ", got "
                + name
                + ". Give the path of the GGUF file itself.");
      }
    }
    return new FormatException(
        directory
            + ": no weights: expected "
            + expected
            + ", got "
            + (names.isEmpty() ? "an empty directory" : names.size() + " other files")
            + ". Check the path, or download the weights.");
  }

  private static FormatException pickle(Path where, String expected, String got) {
    return new FormatException(
        where
            + ": weights are in PyTorch's pickle format: expected "
            + expected
            + ", got "
            + got
            + ". Convert it once: load it with transformers and save_pretrained(dir,"
            + " safe_serialization=True), or download the safetensors revision of the model.");
  }

  /** The file or directory this was opened from. */
  public Path path() {
    return where;
  }

  /** All tensors by name, shard after shard. */
  public Map<String, StoredTensor> tensors() {
    return tensors;
  }

  /** All tensor names, shard after shard. */
  public Collection<String> names() {
    return tensors.keySet();
  }

  /** The tensor with this name, if there is one. */
  public Optional<StoredTensor> find(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  /**
   * The tensor with this name.
   *
   * @throws FormatException if there is none
   */
  public StoredTensor tensor(String name) {
    return find(name)
        .orElseThrow(
            () ->
                new FormatException(
                    where
                        + ": no tensor \""
                        + name
                        + "\": expected one of "
                        + TensorNames.list(tensors.keySet(), name)
                        + ", got none. Check that config.json and weights belong together."));
  }

  /** Unmaps all files; views of them can't be read any more. */
  @Override
  public void close() {
    files.forEach(SafetensorsFile::close);
  }
}
