package llmengine.train.export;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import llmengine.engine.file.Checkpoint;
import llmengine.engine.file.SafetensorsWriter;
import llmengine.engine.file.StoredTensor;
import llmengine.engine.file.TensorSource;
import llmengine.nn.load.Pretrained;
import llmengine.nn.model.DecoderSpec;
import llmengine.nn.model.Family;
import llmengine.nn.model.ModelConfig;
import llmengine.train.TrainException;
import llmengine.train.checkpoint.JsonFiles;

/**
 * LLaMA Pro's block expansion (Wu et al. 2024, section 3): a model with copies of some of its
 * blocks, whose last projections of attention and feed-forward part are zero, so that they pass on
 * what they get and the model computes what it did. Works on the files: tensors are copied from
 * mapped memory to the new shards, none is held.
 */
public final class BlockExpansion {
  private static final Pattern BLOCK = Pattern.compile("(.*\\.layers\\.)(\\d+)(\\..*)");
  private static final Pattern ZEROED = Pattern.compile(".*\\.(o_proj|down_proj)\\..*");
  private static final int ZEROS = 1 << 20;

  private BlockExpansion() {}

  /**
   * Writes the expanded model with everything else its folder holds but weights.
   *
   * @param model a Hugging Face directory
   * @param folder new or empty
   * @param added number of copies, a divisor of the number of blocks
   * @param maxShardBytes size from which weights are split into files
   * @return blocks of the expanded model
   */
  public static int write(Path model, Path folder, int added, long maxShardBytes) {
    try (Pretrained files = Pretrained.open(model)) {
      if (files.ggufMetadata().isPresent()) {
        throw new TrainException(
            model
                + ": expected a Hugging Face directory, got a GGUF file. Export it to a directory"
                + " first.");
      }
      int blocks = files.spec().layers().size();
      if (added < 1 || blocks % added != 0) {
        throw new TrainException(
            "num_expand: expected a divisor of the model's "
                + blocks
                + " blocks, got "
                + added
                + ". Each added block follows a run of equally many blocks.");
      }
      List<Integer> sources = sources(blocks, added);
      prepare(folder);
      JsonFiles.write(folder.resolve("config.json"), config(files, sources), 2);
      copyOthers(model, folder);
      try (Checkpoint checkpoint = Checkpoint.open(model)) {
        new SafetensorsWriter()
            .writeSharded(
                folder,
                "model",
                tensors(checkpoint, sources),
                maxShardBytes,
                SafetensorsWriter.PT_METADATA);
      }
      return sources.size();
    } catch (IOException e) {
      throw new UncheckedIOException(folder + ": can't be written: " + e.getMessage(), e);
    }
  }

  /** For each block of the expanded model the one it is or copies; a copy follows its original. */
  private static List<Integer> sources(int blocks, int added) {
    List<Integer> sources = new ArrayList<>();
    int run = blocks / added;
    for (int i = 0; i < blocks; i++) {
      sources.add(i);
      if ((i + 1) % run == 0) {
        sources.add(i);
      }
    }
    return sources;
  }

  private static boolean isCopy(List<Integer> sources, int block) {
    return block > 0 && sources.get(block).equals(sources.get(block - 1));
  }

  private static void prepare(Path folder) throws IOException {
    if (Files.isDirectory(folder)) {
      try (Stream<Path> entries = Files.list(folder)) {
        if (entries.findAny().isPresent()) {
          throw new TrainException(
              "output_dir: "
                  + folder
                  + ": expected a new or empty folder, got one with files. Choose another.");
        }
      }
    }
    Files.createDirectories(folder);
  }

  /** config.json with more layers; which of them slide follows the blocks, not their numbers. */
  private static ObjectNode config(Pretrained files, List<Integer> sources) {
    ObjectNode json = files.config().json().deepCopy();
    json.put("num_hidden_layers", sources.size());
    if (json.path("layer_types") instanceof ArrayNode types) {
      ArrayNode all = json.putArray("layer_types");
      sources.forEach(s -> all.add(types.get(s)));
      return json;
    }
    List<DecoderSpec.Layer> wanted = sources.stream().map(files.spec().layers()::get).toList();
    if (!Family.of(new ModelConfig("config.json", json)).layers().equals(wanted)) {
      ArrayNode all = json.putArray("layer_types"); // the numbers alone would say another thing
      wanted.forEach(l -> all.add(l.window() > 0 ? "sliding_attention" : "full_attention"));
    }
    return json;
  }

  /** Tokenizer, generation settings, chat template, licence: all small files beside the weights. */
  private static void copyOthers(Path model, Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(model)) {
      for (Path file : (Iterable<Path>) entries::iterator) {
        String name = file.getFileName().toString();
        boolean weights =
            name.contains(".safetensors") || name.endsWith(".bin") || name.contains(".bin.");
        if (Files.isRegularFile(file)
            && !weights
            && !name.startsWith(".")
            && !name.equals("config.json")) {
          Files.copy(file, folder.resolve(name));
        }
      }
    }
  }

  private static List<TensorSource> tensors(Checkpoint checkpoint, List<Integer> sources) {
    List<TensorSource> tensors = new ArrayList<>();
    for (StoredTensor t : checkpoint.tensors().values()) {
      Matcher m = BLOCK.matcher(t.name());
      if (!m.matches()) {
        tensors.add(source(t.name(), t, false));
        continue;
      }
      int from = Integer.parseInt(m.group(2));
      for (int block = 0; block < sources.size(); block++) {
        if (sources.get(block) == from) {
          boolean zero = isCopy(sources, block) && ZEROED.matcher(t.name()).matches();
          tensors.add(source(m.group(1) + block + m.group(3), t, zero));
        }
      }
    }
    return tensors;
  }

  private static TensorSource source(String name, StoredTensor of, boolean zero) {
    return new TensorSource(
        name,
        of.type(),
        of.shape(),
        out -> {
          if (!zero) {
            out.write(of.data());
            return;
          }
          var zeros = java.lang.foreign.MemorySegment.ofArray(new byte[ZEROS]);
          for (long left = of.data().byteSize(); left > 0; left -= ZEROS) {
            out.write(zeros.asSlice(0, Math.min(left, ZEROS)));
          }
        });
  }
}
