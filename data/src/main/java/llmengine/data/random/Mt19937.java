package llmengine.data.random;

/**
 * The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998) as torch and numpy's legacy state
 * seed it: {@code init_genrand(seed mod 2^32)}.
 */
final class Mt19937 {
  private static final int N = 624;
  private static final int M = 397;
  private static final int MATRIX = 0x9908b0df;

  private final int[] state = new int[N];
  private int index = N;

  Mt19937(long seed) {
    state[0] = (int) seed;
    for (int i = 1; i < N; i++) {
      int previous = state[i - 1];
      state[i] = 1812433253 * (previous ^ (previous >>> 30)) + i;
    }
  }

  /** The next 32 bits; read as an unsigned number. */
  int nextWord() {
    if (index == N) {
      refill();
    }
    int y = state[index++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return y ^ (y >>> 18);
  }

  private void refill() {
    for (int i = 0; i < N; i++) {
      int next = i + 1 < N ? i + 1 : 0;
      int far = i + M < N ? i + M : i + M - N;
      int y = (state[i] & 0x80000000) | (state[next] & 0x7fffffff);
      state[i] = state[far] ^ (y >>> 1) ^ ((y & 1) == 0 ? 0 : MATRIX);
    }
    index = 0;
  }
}
