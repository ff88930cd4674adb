package llmengine.train.stage;

import java.util.Optional;
import llmengine.data.batch.Sequences;
import llmengine.engine.DType;
import llmengine.engine.Scope;
import llmengine.engine.Segments;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.nn.Batch;
import llmengine.nn.CausalLogProbs;
import llmengine.nn.Decoder;
import llmengine.nn.EmbeddingNoise;

/** Forward passes over whole sequences. */
final class Passes {
  private Passes() {}

  /** Final hidden states (T, C). */
  static Tensor hidden(Tape tape, Decoder model, Sequences sequences) {
    return hidden(tape, model, sequences, Optional.empty());
  }

  /** The same with noise on the embeddings. */
  static Tensor hidden(
      Tape tape, Decoder model, Sequences sequences, Optional<EmbeddingNoise> noise) {
    Segments segments = Segments.branching(sequences.stretches(), sequences.parents());
    return model.hidden(
        tape, Batch.of(tape.scope(), sequences.ids(), sequences.positions(), segments), noise);
  }

  /** Log-probabilities of all labelled tokens (L). */
  static Tensor logProbs(Tape tape, Decoder model, Sequences sequences, Tensor hidden) {
    return CausalLogProbs.apply(
        tape, model, hidden, sequences.labelled(), sequences.targets(), null);
  }

  /** The sum of each sequence's log-probabilities, without gradients. */
  static double[] sums(Decoder model, Sequences sequences) {
    try (Scope scope = new Scope(model.backend(), "activations")) {
      Tape tape = Tape.inference(scope);
      Tensor hidden = hidden(tape, model, sequences);
      return sums(sequences, floats(logProbs(tape, model, sequences, hidden)));
    }
  }

  static float[] floats(Tensor values) {
    return values.size() == 0 ? new float[0] : values.toFloats();
  }

  /** Sums of labelled tokens' values over each sequence. */
  static double[] sums(Sequences sequences, float[] values) {
    double[] sums = new double[sequences.count()];
    int at = 0;
    for (int q = 0; q < sums.length; q++) {
      for (int i = 0; i < sequences.labels()[q]; i++) {
        sums[q] += values[at++];
      }
    }
    return sums;
  }

  /** Runs the tape backwards from gradients of the labelled tokens' values. */
  static void backward(Tape tape, Tensor values, float[] gradients) {
    if (gradients.length > 0) {
      values.grad(tape.scope().of(gradients, gradients.length));
      tape.backward();
    }
  }

  /** Sums of the tokens' values over each sequence, shared tokens counted for both. */
  static double[] tokenSums(Sequences sequences, double[] values) {
    int[] stretches = sequences.stretches();
    double[] stretchSums = new double[stretches.length];
    int at = 0;
    for (int s = 0; s < stretches.length; s++) {
      for (int t = 0; t < stretches[s]; t++) {
        stretchSums[s] += values[at++];
      }
    }
    double[] sums = new double[sequences.count()];
    int q = 0;
    for (int s = 0; s < stretches.length; s++) {
      if (!isShared(sequences, s)) {
        int parent = sequences.parents()[s];
        sums[q++] = stretchSums[s] + (parent < 0 ? 0 : stretchSums[parent]);
      }
    }
    return sums;
  }

  /** A key of (row within the step, token) for each token, so that batching keeps dropout masks. */
  static Tensor rowKeys(Scope scope, int[] rowLengths, int firstRow) {
    int tokens = 0;
    for (int length : rowLengths) {
      tokens += length;
    }
    int[] keys = new int[tokens];
    int at = 0;
    for (int r = 0; r < rowLengths.length; r++) {
      int seed = (firstRow + r) * 0x9E3779B1;
      for (int t = 0; t < rowLengths[r]; t++) {
        keys[at++] = seed + t;
      }
    }
    return scope.empty(DType.I32, keys.length).set(keys);
  }

  /** The same for rows of two sequences each, whatever they share. */
  static Tensor pairKeys(Scope scope, Sequences pairs, int firstRow) {
    int[] keys = new int[pairs.ids().length];
    int[] stretches = pairs.stretches();
    int at = 0;
    int ended = 0; // sequences
    int within = 0; // stretches of the row
    for (int s = 0; s < stretches.length; s++) {
      int seed = (3 * (firstRow + ended / 2) + within++) * 0x9E3779B1;
      for (int t = 0; t < stretches[s]; t++) {
        keys[at++] = seed + t;
      }
      if (!isShared(pairs, s) && ++ended % 2 == 0) {
        within = 0;
      }
    }
    return scope.empty(DType.I32, keys.length).set(keys);
  }

  /** Whether a stretch is what two sequences begin with, not the end of one. */
  private static boolean isShared(Sequences sequences, int s) {
    return s + 1 < sequences.stretches().length && sequences.parents()[s + 1] == s;
  }

  /** The tape's key of a step. */
  static long dropoutKey(long seed, int step) {
    return seed * 0x9E3779B97F4A7C15L + step;
  }
}
