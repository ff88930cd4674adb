package llmengine.quant.ptq;

/** A thread's working memory for decoding panels; grows to what is needed and stays. */
final class Scratch {
  private static final ThreadLocal<Scratch> OF_THREAD = ThreadLocal.withInitial(Scratch::new);

  private int[] words = new int[0];
  private float[] first = new float[0];
  private float[] second = new float[0];

  private Scratch() {}

  static Scratch get() {
    return OF_THREAD.get();
  }

  int[] words(int n) {
    if (words.length < n) {
      words = new int[n];
    }
    return words;
  }

  float[] first(int n) {
    if (first.length < n) {
      first = new float[n];
    }
    return first;
  }

  float[] second(int n) {
    if (second.length < n) {
      second = new float[n];
    }
    return second;
  }
}
