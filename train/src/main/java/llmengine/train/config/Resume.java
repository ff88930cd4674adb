package llmengine.train.config;

import java.nio.file.Path;

/** Where a training run starts from. */
public sealed interface Resume {

  /** At step 0, whatever output_dir holds. */
  record FromStart() implements Resume {}

  /** From the newest checkpoint in output_dir if there is one, else at step 0. */
  record NewestIfAny() implements Resume {}

  /** From the newest checkpoint in output_dir; that there is none is an error. */
  record Newest() implements Resume {}

  /** From this checkpoint folder. */
  record From(Path checkpoint) implements Resume {}
}
