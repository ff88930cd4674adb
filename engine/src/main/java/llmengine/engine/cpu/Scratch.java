// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

/** One worker's heap arrays, reused by every op; they only grow. */
final class Scratch {
  /** Buffers of one worker. */
  static final int SLOTS = 12;

  private final float[][] slots = new float[SLOTS][0];
  private byte[] bytes = new byte[0];

  /** A buffer of at least {@code size} bytes. Holds whatever was there. */
  byte[] bytes(int size) {
    if (bytes.length < size) {
      bytes = new byte[size];
    }
    return bytes;
  }

  /**
   * Buffer number {@code slot}, at least {@code size} floats rounded up to a multiple of 16, so
   * that a loop over whole vectors needs no tail. Holds whatever was there.
   */
  float[] slot(int slot, int size) {
    float[] buffer = slots[slot];
    int padded = padded(size);
    if (buffer.length < padded) {
      buffer = new float[padded];
      slots[slot] = buffer;
    }
    return buffer;
  }

  /** {@code n} rounded up to 16, the widest vector. */
  static int padded(int n) {
    return (n + 15) & ~15;
  }

  /** Clears what lies between {@code n} and the next multiple of 16. */
  static void zeroPadding(float[] buffer, int n) {
    for (int i = n; i < padded(n); i++) {
      buffer[i] = 0;
    }
  }
}
