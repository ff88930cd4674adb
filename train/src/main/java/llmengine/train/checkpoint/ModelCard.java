package llmengine.train.checkpoint;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import llmengine.train.config.RunConfig;

/**
 * {@code README.md} of an output folder: what was trained on what, with which settings and results.
 */
public final class ModelCard {
  private ModelCard() {}

  public static String text(String name, RunConfig config, List<Map<String, Object>> log) {
    boolean lora = config.isAdapter();
    String method = config.finetuning().finetuningType().name().toLowerCase(Locale.ROOT);
    String base = config.model().modelNameOrPath();
    StringBuilder t = new StringBuilder("---\n");
    t.append("license: other\n");
    if (lora) {
      t.append("library_name: peft\n");
    }
    t.append("base_model: ").append(base).append("\ntags:\n");
    if (lora) {
      t.append("- base_model:adapter:").append(base).append('\n');
    }
    t.append("- llama-factory\n- llm-engine\n- ").append(method).append('\n');
    t.append("pipeline_tag: text-generation\nmodel-index:\n- name: ").append(name);
    t.append("\n  results: []\n---\n\n# ").append(name).append("\n\n");
    t.append("Fine-tuned from ").append(base);
    if (!config.data().dataset().isEmpty()) {
      t.append(" on ").append(String.join(", ", config.data().dataset()));
    }
    t.append(" with LLM Engine.\n\n## Training\n\n| setting | value |\n|---|---|\n");
    row(t, "stage", config.finetuning().stage().name().toLowerCase(Locale.ROOT));
    row(t, "method", method);
    row(t, "learning rate", config.optimizer().learningRate());
    row(t, "batch size", config.training().perDeviceTrainBatchSize());
    row(t, "gradient accumulation", config.training().gradientAccumulationSteps());
    row(t, "scheduler", config.optimizer().lrSchedulerType().key());
    row(t, "seed", config.training().seed());
    row(t, "epochs", config.training().numTrainEpochs());
    if (config.training().maxSteps() > 0) {
      row(t, "steps", config.training().maxSteps());
    }
    List<Map<String, Object>> evaluations =
        log.stream().filter(line -> line.containsKey("eval_loss")).toList();
    if (!evaluations.isEmpty()) {
      t.append("\n## Evaluation\n\n| step | epoch | loss |\n|---|---|---|\n");
      for (Map<String, Object> e : evaluations) {
        t.append(
            String.format(
                Locale.ROOT,
                "| %s | %.2f | %.4f |%n",
                e.get("step"),
                ((Number) e.get("epoch")).doubleValue(),
                ((Number) e.get("eval_loss")).doubleValue()));
      }
    }
    return t.toString();
  }

  private static void row(StringBuilder t, String name, Object value) {
    t.append("| ").append(name).append(" | ").append(value).append(" |\n");
  }
}
