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

  /** {@code init_by_array(key)}: how Python seeds. */
  Mt19937(int[] key) {
    this(19650218);
    int i = 1;
    int j = 0;
    for (int left = Math.max(N, key.length); left > 0; left--) {
      state[i] = (state[i] ^ mixed(i) * 1664525) + key[j] + j;
      i = next(i);
      j = (j + 1) % key.length;
    }
    for (int left = N - 1; left > 0; left--) {
      state[i] = (state[i] ^ mixed(i) * 1566083941) - i;
      i = next(i);
    }
    state[0] = 0x80000000;
  }

  private int mixed(int i) {
    return state[i - 1] ^ (state[i - 1] >>> 30);
  }

  private int next(int i) {
    if (i + 1 < N) {
      return i + 1;
    }
    state[0] = state[N - 1];
    return 1;
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
