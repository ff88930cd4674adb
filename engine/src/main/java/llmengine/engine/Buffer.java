package llmengine.engine;

import java.lang.foreign.MemorySegment;

/** A piece of memory of a backend. What is behind it only the backend knows. */
public interface Buffer {
  long bytes();

  /** A packed matrix; its memory is that of its parts. */
  record Packed(Packing packing) implements Buffer {
    @Override
    public long bytes() {
      return packing.bytes();
    }
  }

  /**
   * Memory of the host, 64-byte aligned unless it maps a file. The address stays the same for the
   * buffer's life.
   */
  record Host(MemorySegment segment) implements Buffer {
    @Override
    public long bytes() {
      return segment.byteSize();
    }

    public long address() {
      return segment.address();
    }
  }
}
