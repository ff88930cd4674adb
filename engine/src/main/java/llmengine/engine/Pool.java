package llmengine.engine;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * Cuts a backend's memory into buffers: best fit within large chunks from the system, with free
 * neighbours joined, so that steps of ever other shapes share the same memory. O(log n) in the
 * number of free pieces. Not safe for concurrent use: {@link Memory} guards it.
 */
final class Pool {
  private static final long ALIGNMENT = 64;
  private static final long SMALLEST_CHUNK = 1 << 20;
  private static final long LARGEST_SURPLUS = 256 << 20;

  /** Memory from the system. */
  private static final class Chunk {
    final int number;
    final Buffer memory;
    Piece first;

    Chunk(int number, Buffer memory) {
      this.number = number;
      this.memory = memory;
    }

    boolean isFree() {
      return first.free && first.after == null;
    }
  }

  /** A part of a chunk, free or in use; the pieces of a chunk form a list. */
  private static final class Piece {
    final Chunk chunk;
    final long offset;
    long bytes;
    boolean free;
    Piece before;
    Piece after;

    Piece(Chunk chunk, long offset, long bytes) {
      this.chunk = chunk;
      this.offset = offset;
      this.bytes = bytes;
    }
  }

  private final Backend backend;
  private final List<Chunk> chunks = new ArrayList<>();
  private final Map<Buffer, Piece> inUse = new IdentityHashMap<>();
  private final TreeSet<Piece> free =
      new TreeSet<>(
          Comparator.comparingLong((Piece p) -> p.bytes)
              .thenComparingInt(p -> p.chunk.number)
              .thenComparingLong(p -> p.offset));
  private int chunksSoFar;
  private long reserved;

  Pool(Backend backend) {
    this.backend = backend;
  }

  /** Bytes held from the system. */
  long reserved() {
    return reserved;
  }

  /** How often memory was taken from the system. */
  long systemAllocations() {
    return chunksSoFar;
  }

  /** What a request of so many bytes takes. */
  static long rounded(long bytes) {
    return Math.max(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
  }

  /** A buffer of {@code bytes} (rounded) out of what is held; null if no free piece is as large. */
  Buffer take(long bytes) {
    Piece fit = free.ceiling(new Piece(new Chunk(-1, null), 0, bytes));
    if (fit == null) {
      return null;
    }
    free.remove(fit);
    if (fit.bytes > bytes) {
      Piece rest = new Piece(fit.chunk, fit.offset + bytes, fit.bytes - bytes);
      fit.bytes = bytes;
      link(rest, fit.after);
      link(fit, rest);
      rest.free = true;
      free.add(rest);
    }
    fit.free = false;
    Buffer buffer = backend.slice(fit.chunk.memory, fit.offset, bytes);
    inUse.put(buffer, fit);
    return buffer;
  }

  void give(Buffer buffer) {
    Piece piece = inUse.remove(buffer);
    if (piece.after != null && piece.after.free) {
      free.remove(piece.after);
      piece.bytes += piece.after.bytes;
      link(piece, piece.after.after);
    }
    if (piece.before != null && piece.before.free) {
      Piece before = piece.before;
      free.remove(before);
      before.bytes += piece.bytes;
      link(before, piece.after);
      piece = before;
    }
    piece.free = true;
    free.add(piece);
  }

  /**
   * Takes a chunk from the system that has room for {@code bytes}; some more, an eighth of what is
   * held, unless that would exceed {@code most} bytes in all.
   */
  void grow(long bytes, long most) {
    long surplus = Math.min(LARGEST_SURPLUS, Math.max(SMALLEST_CHUNK, reserved / 8));
    long size =
        Math.max(bytes, Math.min(rounded(surplus), (most - reserved) / ALIGNMENT * ALIGNMENT));
    Chunk chunk = new Chunk(chunksSoFar, backend.allocate(size));
    chunksSoFar++;
    reserved += size;
    chunk.first = new Piece(chunk, 0, size);
    chunk.first.free = true;
    chunks.add(chunk);
    free.add(chunk.first);
  }

  /** Gives chunks without any use back to the system, small ones first, until so much is held. */
  void shrink(long most) {
    if (reserved <= most) {
      return;
    }
    List<Chunk> idle = new ArrayList<>(chunks.stream().filter(Chunk::isFree).toList());
    idle.sort(Comparator.comparingLong(c -> c.memory.bytes()));
    for (Chunk chunk : idle) {
      if (reserved <= most) {
        return;
      }
      free.remove(chunk.first);
      chunks.remove(chunk);
      reserved -= chunk.memory.bytes();
      backend.free(chunk.memory);
    }
  }

  private static void link(Piece before, Piece after) {
    before.after = after;
    if (after != null) {
      after.before = before;
    }
  }
}
