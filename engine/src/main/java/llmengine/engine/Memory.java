package llmengine.engine;

import java.util.Map;
import java.util.TreeMap;

/**
 * Pool of a backend's buffers and the ledger of who uses them. A released buffer is kept and handed
 * out again, so a steady training step takes nothing from the system ({@link #systemAllocations}
 * stays the same). What is held stays close to what is in use at most, whatever shapes come (see
 * {@link Pool}). All methods are safe for concurrent use.
 */
public final class Memory {
  private final Pool pool;
  // What is held may exceed what was used at most by this share before idle memory is given up.
  private static final double SLACK = 0.25;

  private final Map<String, Long> usedBy = new TreeMap<>();
  private long limit = Long.MAX_VALUE;
  private long used;
  private long peak;
  private long mapped; // bytes of files that tensors use in place

  public Memory(Backend backend) {
    this.pool = new Pool(backend);
  }

  synchronized Buffer take(long bytes, String owner) {
    long size = Pool.rounded(bytes);
    Buffer buffer = pool.take(size);
    if (buffer == null) {
      long most = Math.min(limit, (long) (Math.max(peak, used + size) * (1 + SLACK)));
      pool.shrink(most - size);
      if (pool.reserved() + size > limit) {
        throw new OutOfMemoryException(outOfMemory(size, owner));
      }
      try {
        pool.grow(size, Math.max(most, pool.reserved() + size));
      } catch (OutOfMemoryError noMore) {
        trim();
        throw new OutOfMemoryException(outOfMemory(size, owner) + " (" + noMore.getMessage() + ")");
      }
      buffer = pool.take(size);
    }
    used += size;
    peak = Math.max(peak, used);
    usedBy.merge(owner, size, Long::sum);
    return buffer;
  }

  synchronized void give(Buffer buffer, String owner) {
    used -= buffer.bytes();
    usedBy.merge(owner, -buffer.bytes(), Long::sum);
    pool.give(buffer);
  }

  synchronized void moved(Buffer buffer, String from, String to) {
    usedBy.merge(from, -buffer.bytes(), Long::sum);
    usedBy.merge(to, buffer.bytes(), Long::sum);
  }

  /** Counts memory that is used in place, such as a mapped file; negative when it is given up. */
  synchronized void mapped(long bytes, String owner) {
    mapped += bytes;
    usedBy.merge(owner, bytes, Long::sum);
  }

  /**
   * Bytes of mapped files in use. The system may drop and read them again, so no limit applies to
   * them.
   */
  public synchronized long mapped() {
    return mapped;
  }

  /** Gives the memory that nothing uses back to the system. */
  public synchronized void trim() {
    pool.shrink(0);
  }

  /** Most bytes to take from the system; what is taken already stays. */
  public synchronized void limit(long bytes) {
    this.limit = bytes;
  }

  /** Bytes in use now. */
  public synchronized long used() {
    return used;
  }

  /** Highest {@link #used} so far. */
  public synchronized long peak() {
    return peak;
  }

  /** Bytes held from the system, in use or kept for reuse. */
  public synchronized long reserved() {
    return pool.reserved();
  }

  /** How often memory was taken from the system so far. */
  public synchronized long systemAllocations() {
    return pool.systemAllocations();
  }

  /** Bytes in use now by owner label. */
  public synchronized Map<String, Long> usedBy() {
    Map<String, Long> copy = new TreeMap<>(usedBy);
    copy.values().removeIf(v -> v == 0);
    return copy;
  }

  private String outOfMemory(long size, String owner) {
    StringBuilder owners = new StringBuilder();
    usedBy().entrySet().stream()
        .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
        .limit(4)
        .forEach(
            e ->
                owners.append(e.getKey()).append(' ').append(gigabytes(e.getValue())).append(", "));
    return "memory: out of memory for "
        + owner
        + ": expected at most "
        + gigabytes(limit)
        + " in all, got a request of "
        + gigabytes(size)
        + " on top of "
        + gigabytes(pool.reserved())
        + ". Largest users: "
        + owners
        + "in use "
        + gigabytes(used)
        + ". Lower per_device_train_batch_size or cutoff_len, or keep gradient checkpointing on.";
  }

  private static String gigabytes(long bytes) {
    return String.format(java.util.Locale.ROOT, "%.2f GB", bytes / 1e9);
  }
}
