package llmengine.data.store;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import llmengine.data.AlignedRow;
import llmengine.data.DataException;
import llmengine.data.process.Encoded;
import llmengine.data.process.Example;
import llmengine.data.process.Feedback;
import llmengine.data.process.Issue;
import llmengine.data.process.Processor;

/**
 * Tokenizes rows into the shards of a folder: rows are encoded on several threads, put back in
 * order, packed per map batch and appended. The result doesn't depend on the number of threads. An
 * interrupted run goes on at its last complete shard; damaged shards are made again. Two processes
 * on one folder wait for each other.
 */
public final class Tokenization {
  private static final Object IN_THIS_PROCESS = new Object();
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int CHUNK =
      32; // rows per task: enough to hide the queue, small enough to balance
  private static final long SHARD_BYTES = 16L << 20;
  private static final int SHARD_BATCHES = 64;

  private final RowFeed rows;
  private final Processor processor;
  private final int[] stopIds;
  private final int batchSize;
  private final int threads;

  public Tokenization(
      RowFeed rows, Processor processor, int[] stopIds, int batchSize, int threads) {
    this.rows = rows;
    this.processor = processor;
    this.stopIds = stopIds.clone();
    this.batchSize = batchSize;
    this.threads = threads;
  }

  /** Opens the folder's dataset, after tokenizing what it lacks. */
  public TokenizedDataset into(Path folder) {
    synchronized (IN_THIS_PROCESS) {
      try {
        Files.createDirectories(folder);
        try (FileChannel channel =
                FileChannel.open(
                    folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            FileLock lock = channel.lock()) {
          assert lock.isValid();
          return complete(folder);
        }
      } catch (IOException e) {
        throw new DataException(
            folder
                + ": the token cache can't be written: "
                + e
                + ". Free some space or set ENGINE_CACHE to another folder.",
            e);
      }
    }
  }

  private TokenizedDataset complete(Path folder) throws IOException {
    int batches = Math.ceilDiv(rows.size(), batchSize);
    TokenizedDataset done = TokenizedDataset.openPrefix(folder);
    if (done.batches() == batches) {
      markComplete(folder, batches);
      return done;
    }
    int from = done.batches();
    int shard = done.shards();
    done.close();
    try (ExecutorService pool =
        Executors.newFixedThreadPool(
            threads, Thread.ofPlatform().daemon().name("tokenize-", 0).factory())) {
      try {
        append(folder, pool, from, batches, shard);
      } finally {
        pool.shutdownNow();
      }
    }
    markComplete(folder, batches);
    return TokenizedDataset.openPrefix(folder);
  }

  private static void markComplete(Path folder, int batches) throws IOException {
    Path temporary = folder.resolve(TokenizedDataset.COMPLETE + ".tmp");
    Files.writeString(temporary, batches + "\n");
    Files.move(
        temporary, folder.resolve(TokenizedDataset.COMPLETE), StandardCopyOption.ATOMIC_MOVE);
  }

  private void append(Path folder, ExecutorService pool, int from, int batches, int shard)
      throws IOException {
    var queue = new ArrayDeque<Future<List<Encoded>>>();
    int next = from * batchSize;
    int number = shard;
    for (int batch = from; batch < batches; number++) {
      Path file = folder.resolve(String.format("%06d%s", number, TokenizedDataset.SUFFIX));
      try (var writer = new ShardWriter(file, batch)) {
        while (batch < batches && writer.batches() < SHARD_BATCHES && writer.size() < SHARD_BYTES) {
          int start = batch * batchSize;
          int end = Math.min(start + batchSize, rows.size());
          var encoded = new ArrayList<Encoded>(end - start);
          while (encoded.size() < end - start) {
            while (queue.size() < 4 * threads && next < rows.size()) {
              // tasks end at batch borders
              int to = Math.min((next / batchSize + 1) * batchSize, next + CHUNK);
              queue.add(submit(pool, next, Math.min(to, rows.size())));
              next = Math.min(to, rows.size());
            }
            encoded.addAll(result(queue.remove()));
          }
          write(writer, start, encoded);
          batch++;
        }
        writer.finish();
      }
    }
  }

  private Future<List<Encoded>> submit(ExecutorService pool, int from, int to) {
    return pool.submit(
        () -> {
          var encoded = new ArrayList<Encoded>(to - from);
          for (int i = from; i < to; i++) {
            encoded.add(encode(i));
          }
          return encoded;
        });
  }

  private Encoded encode(int index) {
    var row = rows.row(index);
    try {
      return processor.looksBack()
          ? processor.encode(row, before(index, row))
          : processor.encode(row);
    } catch (DataException e) {
      throw new DataException(rows.where(index) + ": " + e.getMessage(), e);
    }
  }

  /**
   * The closest row with an answer before {@code index}, going round within its map batch; the row
   * itself if there is none.
   */
  private AlignedRow before(int index, AlignedRow row) {
    int first = index - index % batchSize;
    int size = Math.min(batchSize, rows.size() - first);
    for (int back = 1; back < size; back++) {
      AlignedRow other = rows.row(first + Math.floorMod(index - first - back, size));
      if (!other.response().isEmpty()) {
        return other;
      }
    }
    return row;
  }

  private static List<Encoded> result(Future<List<Encoded>> task) {
    try {
      return task.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DataException(
          "tokenization: interrupted. Start again: it goes on where it stopped.", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof DataException cause) {
        throw cause;
      }
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      throw new DataException("tokenization: failed: " + e.getCause(), e.getCause());
    }
  }

  private void write(ShardWriter writer, int start, List<Encoded> encoded) throws IOException {
    var kept = new ArrayList<Encoded>(encoded.size());
    Counts counts = Counts.NONE;
    for (int i = 0; i < encoded.size(); i++) {
      Encoded row = encoded.get(i);
      counts = counts.plus(count(row));
      for (Issue issue : row.issues()) {
        writer.addIssue(line(start + i, issue, row));
      }
      if (!row.isDropped()) {
        kept.add(row);
      }
    }
    long tokens = 0;
    long learned = 0;
    List<Example> examples = processor.examples(kept);
    for (Example example : examples) {
      writer.add(example);
      tokens += example.ids().length;
      learned += example.learned();
    }
    long tail = counts.tokens() - tokens;
    writer.endBatch(counts.plus(Counts.examples(examples.size(), learned, tail)));
  }

  private Counts count(Encoded row) {
    boolean answered = processor.learnsAnswers() && !row.isDropped() && row.isLearned();
    return new Counts(
        1,
        0,
        row.issues().contains(Issue.TRUNCATED) ? 1 : 0,
        row.issues().contains(Issue.ROLES_OUT_OF_ORDER) ? 1 : 0,
        row.issues().contains(Issue.NO_SINGLE_RESPONSE)
                || row.issues().contains(Issue.NO_PAIR)
                || row.issues().contains(Issue.NO_FEEDBACK)
            ? 1
            : 0,
        row.issues().contains(Issue.FITS_NO_PACK) ? 1 : 0,
        row.issues().contains(Issue.NOTHING_LEARNED) ? 1 : 0,
        answered ? 1 : 0,
        answered && row.learnsToStop(stopIds) ? 1 : 0,
        row.fullLength(),
        row.ids().length,
        0,
        0,
        row.issues().contains(Issue.IDENTICAL_PAIR) ? 1 : 0,
        row.feedback() == Feedback.DESIRABLE ? 1 : 0,
        row.feedback() == Feedback.UNDESIRABLE ? 1 : 0);
  }

  private String line(int index, Issue issue, Encoded row) {
    var fields = new LinkedHashMap<String, Object>();
    fields.put("dataset", rows.dataset(index));
    fields.put("index", rows.index(index));
    fields.put("reason", issue.name().toLowerCase(Locale.ROOT));
    fields.put("dropped", issue.dropped());
    fields.put("tokens", row.fullLength());
    fields.put("kept_tokens", row.ids().length);
    try {
      return JSON.writeValueAsString(fields);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e); // strings and numbers always serialise
    }
  }
}
