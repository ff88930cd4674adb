package llmengine.engine.cpu;

/**
 * The counter-based generator of dropout masks: a 32-bit mix of (key, row key, channel), so a mask
 * needs no memory and doesn't depend on batching or threads. The mixer is MurmurHash3's finaliser
 * applied twice; vector backends compute the same bits.
 */
final class DropoutHash {
  private DropoutHash() {}

  /** Kept if the hash, read as unsigned, is at least this. */
  static int threshold(float p) {
    return (int) Math.min(0xFFFFFFFFL, (long) (p * 4294967296.0));
  }

  static int rowSeed(long key, int rowKey) {
    return mix(mix((int) key ^ rowKey) + (int) (key >>> 32));
  }

  static int hash(int rowSeed, int channel) {
    return mix(rowSeed + channel * 0x9E3779B9);
  }

  static boolean keeps(long key, int rowKey, int channel, int threshold) {
    return Integer.compareUnsigned(hash(rowSeed(key, rowKey), channel), threshold) >= 0;
  }

  static int mix(int h) {
    h ^= h >>> 16;
    h *= 0x85EBCA6B;
    h ^= h >>> 13;
    h *= 0xC2B2AE35;
    return h ^ h >>> 16;
  }
}
