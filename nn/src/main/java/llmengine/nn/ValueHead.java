package llmengine.nn;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import llmengine.engine.Backend;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.file.SafetensorsFile;
import llmengine.engine.file.SafetensorsWriter;
import llmengine.engine.op.Elementwise;
import llmengine.engine.op.Embedding;
import llmengine.nn.optim.TensorBytes;

/**
 * A score for a token: dropout, then Linear(C, 1) in float32 on the final hidden state. Its file is
 * {@code value_head.safetensors} beside the model or adapter it belongs to, with the names that TRL
 * gives the two tensors.
 */
public final class ValueHead implements AutoCloseable {
  public static final String FILE = "value_head.safetensors";

  private final Scope scope;
  private final Parameter weight; // (1, C)
  private final Parameter bias; // (1)
  private final float dropout;

  private ValueHead(Backend backend, int width, float dropout) {
    scope = new Scope(backend, "value head");
    weight = new Parameter("v_head.summary.weight", scope.empty(DType.F32, 1, width));
    bias = new Parameter("v_head.summary.bias", scope.empty(DType.F32, 1));
    this.dropout = dropout;
  }

  /** Weight and bias uniform in +-1/sqrt(C), as torch.nn.Linear starts. */
  public static ValueHead fresh(Backend backend, int width, float dropout, long seed) {
    ValueHead head = new ValueHead(backend, width, dropout);
    SplittableRandom random = new SplittableRandom(seed);
    double bound = 1 / Math.sqrt(width);
    for (Parameter p : head.parameters()) {
      float[] values = new float[(int) p.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextDouble(-bound, bound);
      }
      p.value().set(values);
    }
    return head;
  }

  /** Whether a model's or adapter's folder holds a head. */
  public static boolean isIn(Path folder) {
    return Files.isRegularFile(folder.resolve(FILE));
  }

  /**
   * The head of a folder.
   *
   * @throws FormatException if its tensors are missing or of another width
   */
  public static ValueHead open(Backend backend, Path folder, int width, float dropout) {
    ValueHead head = new ValueHead(backend, width, dropout);
    try {
      head.load(folder);
    } catch (RuntimeException e) {
      head.close();
      throw e;
    }
    return head;
  }

  /** Takes over the weights of a folder's head. */
  public void load(Path folder) {
    Path path = folder.resolve(FILE);
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      for (Parameter p : parameters()) {
        TensorBytes.read(path.toString(), file.tensor(p.name()), p.value());
      }
    }
  }

  public void save(Path folder) {
    new SafetensorsWriter()
        .write(
            folder.resolve(FILE),
            List.of(
                TensorBytes.source(bias.name(), bias.value()),
                TensorBytes.source(weight.name(), weight.value())),
            SafetensorsWriter.PT_METADATA);
  }

  public List<Parameter> parameters() {
    return List.of(weight, bias);
  }

  /** Whether {@link #scores} drops activations on a tape with dropout. */
  public boolean drops() {
    return dropout > 0;
  }

  /**
   * @param hidden (M, C) from {@link Decoder#hidden}
   * @param rows which tokens to score
   * @return (rows.length, 1)
   */
  public Tensor scores(Tape tape, Tensor hidden, int[] rows) {
    tape.enter("v_head");
    Tensor x = Elementwise.dropout(tape, hidden, dropout);
    Tensor picked = Embedding.apply(tape, x, tape.scope().of(rows), 1);
    Tensor scores = llmengine.engine.op.Linear.apply(tape, picked, weight.value(), bias.value());
    tape.exit();
    return scores;
  }

  @Override
  public void close() {
    scope.close();
  }
}
