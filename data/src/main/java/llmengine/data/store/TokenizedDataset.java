package llmengine.data.store;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import llmengine.data.DataException;
import llmengine.data.process.Example;

/**
 * Tokenized training rows in memory-mapped shard files; on the heap lies only one number per shard.
 * Safe for concurrent use until closed.
 */
public final class TokenizedDataset implements AutoCloseable {
  static final String SUFFIX = ".tokens";

  /** Marks a finished tokenization; holds its number of map batches. */
  static final String COMPLETE = "complete";

  private final Path folder;
  private final Arena arena;
  private final List<Shard> shards;
  private final int[] starts; // first row of each shard, then size()
  private final Counts counts;

  private TokenizedDataset(Path folder, Arena arena, List<Shard> shards) {
    this.folder = folder;
    this.arena = arena;
    this.shards = shards;
    starts = new int[shards.size() + 1];
    Counts sum = Counts.NONE;
    for (int i = 0; i < shards.size(); i++) {
      starts[i + 1] = Math.addExact(starts[i], shards.get(i).examples());
      sum = sum.plus(shards.get(i).counts());
    }
    counts = sum;
  }

  /** The folder's dataset if a tokenization of it ended and every shard is good. */
  public static Optional<TokenizedDataset> openComplete(Path folder) {
    try {
      Path marker = folder.resolve(COMPLETE);
      if (!Files.isRegularFile(marker)) {
        return Optional.empty();
      }
      String batches = Files.readString(marker).strip();
      TokenizedDataset dataset = openPrefix(folder);
      if (batches.equals(Integer.toString(dataset.batches()))) {
        return Optional.of(dataset);
      }
      dataset.close();
      return Optional.empty();
    } catch (IOException e) {
      throw new DataException(folder + ": the token cache can't be read: " + e, e);
    }
  }

  /**
   * Opens the unbroken run of good shards from batch 0 on; files after a missing or damaged one are
   * deleted.
   */
  static TokenizedDataset openPrefix(Path folder) throws IOException {
    Arena arena = Arena.ofShared();
    var shards = new ArrayList<Shard>();
    int nextBatch = 0;
    boolean broken = false;
    for (Path file : files(folder)) {
      if (!broken) {
        try {
          var shard = new Shard(file, arena);
          broken = shard.firstBatch() != nextBatch;
          if (!broken) {
            shards.add(shard);
            nextBatch += shard.batches();
          }
        } catch (IOException e) {
          broken = true; // rebuilt by the caller, from the source
        }
      }
      if (broken) {
        Files.deleteIfExists(file);
      }
    }
    return new TokenizedDataset(folder, arena, List.copyOf(shards));
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.filter(file -> file.toString().endsWith(SUFFIX)).sorted().toList();
    }
  }

  /** Number of training rows. */
  public int size() {
    return starts[starts.length - 1];
  }

  public Example get(int index) {
    int shard = shardOf(index);
    return shards.get(shard).get(index - starts[shard]);
  }

  /** Number of ids of a row, without reading the row. */
  public int length(int index) {
    int shard = shardOf(index);
    return shards.get(shard).length(index - starts[shard]);
  }

  /** Number of learned tokens of a row, without reading the row. */
  public int learned(int index) {
    int shard = shardOf(index);
    return shards.get(shard).learned(index - starts[shard]);
  }

  public Counts counts() {
    return counts;
  }

  /** The folder with the shard files. */
  public Path folder() {
    return folder;
  }

  /** Map batches of the source that the shards cover. */
  int batches() {
    return shards.isEmpty() ? 0 : shards.getLast().firstBatch() + shards.getLast().batches();
  }

  /** Bytes on disk. */
  public long bytes() {
    return shards.stream().mapToLong(Shard::bytes).sum();
  }

  int shards() {
    return shards.size();
  }

  /** Writes one JSON line for each row that was cut, dropped or has nothing to learn. */
  public void writeIssues(OutputStream out) {
    try {
      for (Shard shard : shards) {
        out.write(shard.issues());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    arena.close();
  }

  private int shardOf(int index) {
    if (index < 0 || index >= size()) {
      throw new DataException(
          folder + ": no such row: expected 0 to " + (size() - 1) + ", got " + index + ".");
    }
    int from = 0;
    int to = shards.size();
    while (to - from > 1) {
      int middle = (from + to) >>> 1;
      if (starts[middle] <= index) {
        from = middle;
      } else {
        to = middle;
      }
    }
    return from;
  }
}
