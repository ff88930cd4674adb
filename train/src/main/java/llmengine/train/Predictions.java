package llmengine.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.StringJoiner;
import llmengine.train.checkpoint.JsonFiles;
import llmengine.train.stage.RewardModel;

/** {@code generated_predictions.jsonl} of stage rm: the scores of each pair's answers. */
final class Predictions {
  static final String FILE = "generated_predictions.jsonl";

  private Predictions() {}

  /** Scores all evaluation rows; rounded to two digits, as LLaMA-Factory writes them. */
  static void writeScores(Path folder, RewardModel model, Evaluation evaluation)
      throws IOException {
    StringJoiner lines = new StringJoiner("\n");
    evaluation.eachBatch(
        batch -> {
          for (RewardModel.Scores pair : model.scores(batch)) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("chosen", Evaluation.rounded(pair.chosen(), 2));
            line.put("rejected", Evaluation.rounded(pair.rejected(), 2));
            lines.add(JsonFiles.line(line));
          }
        });
    JsonFiles.writeText(folder.resolve(FILE), lines + "\n");
  }
}
