package llmengine.engine;

import java.util.ArrayDeque;
import java.util.Map;
import java.util.TreeMap;

/**
 * Pool of a backend's buffers and the ledger of who uses them. A released buffer is kept and handed out again, so a steady
 * training step takes nothing from the system ({@link #systemAllocations} stays the same). Sizes are rounded up to eight
 * classes per power of two; a free buffer of up to twice the size serves too. All methods are safe for concurrent use.
 */
public final class Memory {
  private final Backend backend;
  private final TreeMap<Long, ArrayDeque<Buffer>> free = new TreeMap<>();
  private final Map<String, Long> usedBy = new TreeMap<>();
  private long limit = Long.MAX_VALUE;
  private long reserved; // taken from the system, in use or free
  private long used;
  private long peak;
  private long systemAllocations;
  private long mapped; // bytes of files that tensors use in place

  public Memory(Backend backend) {
    this.backend = backend;
  }

  synchronized Buffer take(long bytes, String owner) {
    long size = sizeClass(Math.max(bytes, 64));
    Buffer buffer = null;
    var fit = free.ceilingEntry(size);
    if (fit != null && fit.getKey() <= 2 * size) {
      buffer = fit.getValue().pop();
      if (fit.getValue().isEmpty()) {
        free.remove(fit.getKey());
      }
    } else {
      if (reserved + size > limit) {
        trim();
      }
      if (reserved + size > limit) {
        throw new OutOfMemoryException(outOfMemory(size, owner));
      }
      try {
        buffer = backend.allocate(size);
      } catch (OutOfMemoryError noMore) {
        trim();
        throw new OutOfMemoryException(outOfMemory(size, owner) + " (" + noMore.getMessage() + ")");
      }
      reserved += size;
      systemAllocations++;
    }
    used += buffer.bytes();
    peak = Math.max(peak, used);
    usedBy.merge(owner, buffer.bytes(), Long::sum);
    return buffer;
  }

  synchronized void give(Buffer buffer, String owner) {
    used -= buffer.bytes();
    usedBy.merge(owner, -buffer.bytes(), Long::sum);
    free.computeIfAbsent(buffer.bytes(), k -> new ArrayDeque<>()).push(buffer);
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

  /** Bytes of mapped files in use. The system may drop and read them again, so no limit applies to them. */
  public synchronized long mapped() {
    return mapped;
  }

  /** Gives all free buffers back to the system. */
  public synchronized void trim() {
    for (ArrayDeque<Buffer> buffers : free.values()) {
      for (Buffer b : buffers) {
        reserved -= b.bytes();
        backend.free(b);
      }
    }
    free.clear();
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
    return reserved;
  }

  /** How often memory was taken from the system so far. */
  public synchronized long systemAllocations() {
    return systemAllocations;
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
        .forEach(e -> owners.append(e.getKey()).append(' ').append(gigabytes(e.getValue())).append(", "));
    return "memory: out of memory for "
        + owner
        + ": expected at most "
        + gigabytes(limit)
        + " in all, got a request of "
        + gigabytes(size)
        + " on top of "
        + gigabytes(reserved)
        + ". Largest users: "
        + owners
        + "in use "
        + gigabytes(used)
        + ". Lower per_device_train_batch_size or cutoff_len, or keep gradient checkpointing on.";
  }

  private static String gigabytes(long bytes) {
    return String.format(java.util.Locale.ROOT, "%.2f GB", bytes / 1e9);
  }

  /** Next size of the form (8..15) * 2^k, at least 64 bytes. */
  static long sizeClass(long bytes) {
    int shift = Math.max(3, 60 - Long.numberOfLeadingZeros(bytes - 1));
    long step = 1L << shift;
    return (bytes + step - 1) / step * step;
  }
}
