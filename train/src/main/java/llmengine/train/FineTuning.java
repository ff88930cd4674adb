package llmengine.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import llmengine.nn.Parameter;

/** What a run trains (finetuning_type), and how that is saved and loaded. */
public interface FineTuning {
  /** Name for people, e.g. {@code lora r 8, alpha 16}. */
  String name();

  List<Parameter> trainable();

  /** Elements of parameters beside the model's own. */
  long addedElements();

  /** Sum over a block's layers of the ranks of their adapters. */
  int adapterRankPerBlock();

  /** Whether anything is dropped in training. */
  boolean dropout();

  /** Writes what was trained, as far as somebody else needs it, with the tokenizer. */
  void save(Path folder) throws IOException;

  /** Takes over the trained weights that {@link #save} wrote. */
  void load(Path folder);
}
