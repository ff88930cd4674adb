package llmengine.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import llmengine.data.DataException;
import llmengine.data.batch.Sequences;
import llmengine.data.process.Example;
import llmengine.engine.Backend;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.Tensor;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Decoder;
import llmengine.nn.ValueHead;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole runs of the stages rm, dpo and kto on a model of two layers. */
class PreferenceRunsTest {
  @TempDir private Path folder;
  private ShortRun tiny;

  @BeforeEach
  void make() throws IOException {
    tiny = new ShortRun(folder);
    Files.writeString(tiny.data.resolve("pairs.jsonl"), pairs(3, 11));
    Files.writeString(tiny.data.resolve("few.jsonl"), pairs(4, 5));
    Files.writeString(tiny.data.resolve("judged.jsonl"), judged(5, 11, i -> i % 3 != 0));
    Files.writeString(tiny.data.resolve("good.jsonl"), judged(6, 4, i -> true));
    Files.writeString(
        tiny.data.resolve("bad.jsonl"),
        """
        {"instruction": "a", "input": "", "chosen": "b", "rejected": "c"}
        {"instruction": "a", "input": "", "chosen": "b"}
        {"instruction": "a", "input": "", "chosen": "same", "rejected": "same"}
        """);
    String ranked =
        "{\"file_name\": \"%s.jsonl\", \"ranking\": true, \"columns\": {\"prompt\":"
            + " \"instruction\", \"query\": \"input\", \"chosen\": \"chosen\", \"rejected\":"
            + " \"rejected\"}}";
    String tagged =
        "{\"file_name\": \"%s.jsonl\", \"columns\": {\"prompt\": \"instruction\", \"query\":"
            + " \"input\", \"response\": \"output\", \"kto_tag\": \"label\"}}";
    Files.writeString(
        tiny.data.resolve("dataset_info.json"),
        "{\"talk\": {\"file_name\": \"talk.jsonl\"}, \"pairs\": %s, \"few\": %s, \"bad\": %s, \"judged\": %s, \"good\": %s}"
            .formatted(
                ranked.formatted("pairs"),
                ranked.formatted("few"),
                ranked.formatted("bad"),
                tagged.formatted("judged"),
                tagged.formatted("good")));
  }

  private static String pairs(int seed, int count) {
    Random random = new Random(seed);
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < count; i++) {
      lines.append(
          "{\"instruction\": \"%s\", \"input\": \"\", \"chosen\": \"%s\", \"rejected\": \"%s\"}\n"
              .formatted(text(random, 9), text(random, 20), text(random, 20)));
    }
    return lines.toString();
  }

  private static String judged(int seed, int count, java.util.function.IntPredicate good) {
    Random random = new Random(seed);
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < count; i++) {
      lines.append(
          "{\"instruction\": \"%s\", \"input\": \"\", \"output\": \"%s\", \"label\": %s}\n"
              .formatted(text(random, 9), text(random, 20), good.test(i)));
    }
    return lines.toString();
  }

  private static String text(Random random, int most) {
    StringBuilder t = new StringBuilder();
    for (int n = 1 + random.nextInt(most); n > 0; n--) {
      t.append((char) ('a' + random.nextInt(26)));
    }
    return t.toString();
  }

  private String[] words(String stage, String... more) {
    List<String> words =
        new ArrayList<>(
            List.of(
                "stage=" + stage,
                "dataset=" + (stage.equals("kto") ? "judged" : "pairs"),
                "gradient_accumulation_steps=2",
                "max_steps=5",
                "logging_steps=2",
                "reference_cache=false"));
    words.addAll(List.of(more));
    return words.toArray(String[]::new);
  }

  private void same(String one, String other) throws IOException {
    assertThat(tiny.weights(other).equals(tiny.weights(one))).as("weights").isTrue();
    assertThat(tiny.log(other)).isEqualTo(tiny.log(one));
    assertThat(tiny.lines(other)).isEqualTo(tiny.lines(one));
  }

  @ParameterizedTest
  @CsvSource({
    "rm,lora,lora_dropout=0.2",
    "rm,full,value_head_dropout=0.3",
    "dpo,lora,pref_bco_weight=0.5",
    "dpo,full,pref_ftx=0.2",
    "kto,lora,pref_ftx=0.1",
    "rm,lora,neftune_noise_alpha=5",
    "dpo,full,neftune_noise_alpha=5",
    "kto,lora,neftune_noise_alpha=5"
  })
  void stoppedAndResumedIsUnbroken(String stage, String method, String more) throws IOException {
    String[] words =
        words(stage, "finetuning_type=" + method, more, "val_size=3", "eval_strategy=steps");
    assertThat(tiny.run("whole", words)).isEqualTo(Trainer.End.DONE);
    // in the middle of a pass over the data, and between two log lines
    assertThat(tiny.run(ShortRun.after(3), "stopped", words)).isEqualTo(Trainer.End.INTERRUPTED);
    assertThat(tiny.run("stopped", words)).isEqualTo(Trainer.End.DONE);
    same("whole", "stopped");
  }

  @ParameterizedTest
  @CsvSource({"dpo,lora,sigmoid", "dpo,full,ipo", "kto,lora,sigmoid", "kto,freeze,sigmoid"})
  void theCachedReferenceIsTheComputedOne(String stage, String method, String loss)
      throws IOException {
    String[] more = {
      "finetuning_type=" + method,
      "pref_loss=" + loss,
      "logging_steps=1",
      "val_size=3",
      "eval_strategy=steps"
    };
    tiny.run("computed", words(stage, more));
    tiny.run(
        "cached",
        Stream.concat(Stream.of(words(stage, more)), Stream.of("reference_cache=true"))
            .toArray(String[]::new));
    same("computed", "cached");
    tiny.run(
        "again",
        Stream.concat(Stream.of(words(stage, more)), Stream.of("reference_cache=true"))
            .toArray(String[]::new));
    same("computed", "again");
  }

  @Test
  void everyKeyOfEachStageIsLogged() throws IOException {
    List<String> compared =
        List.of(
            "rewards/chosen",
            "rewards/rejected",
            "rewards/accuracies",
            "rewards/margins",
            "logps/chosen",
            "logps/rejected",
            "logits/chosen",
            "logits/rejected");
    tiny.run("dpo", words("dpo", "val_size=3", "eval_strategy=steps", "plot_loss=true"));
    for (String key : compared) {
      assertThat(tiny.values("dpo", key)).as(key).hasSize(2);
      assertThat(tiny.values("dpo", "eval_" + key)).as(key).isNotEmpty();
    }
    assertThat(tiny.values("dpo", "loss").getFirst()).isCloseTo(Math.log(2), within(0.2));
    assertThat(tiny.exists("dpo/training_rewards_accuracies.png")).isTrue();
    assertThat(tiny.lines("dpo").getFirst()).contains("\"accuracy\":");
    tiny.run("orpo", words("dpo", "pref_loss=orpo"));
    for (String key : List.of("sft_loss", "odds_ratio_loss", "rewards/margins")) {
      assertThat(tiny.values("orpo", key)).as(key).hasSize(2);
    }
    tiny.run("kto", words("kto", "plot_loss=true"));
    for (String key : compared) {
      assertThat(tiny.values("kto", key)).as(key).hasSize(key.contains("accuracies") ? 0 : 2);
    }
    assertThat(tiny.values("kto", "kl")).hasSize(2).allMatch(kl -> kl >= 0);
    assertThat(tiny.exists("kto/training_rewards_chosen.png")).isTrue();
  }

  @Test
  void aFreshAdapterIsItsReferenceAtTheFirstStep() throws IOException {
    tiny.run("dpo", words("dpo", "logging_steps=1", "max_steps=1"));
    assertThat(tiny.values("dpo", "rewards/chosen")).containsExactly(0.0);
    assertThat(tiny.values("dpo", "rewards/accuracies")).containsExactly(0.0);
    assertThat(tiny.values("dpo", "loss").getFirst()).isCloseTo(Math.log(2), within(1e-12));
    tiny.run("kto", words("kto", "logging_steps=1", "max_steps=1"));
    assertThat(tiny.values("kto", "rewards/margins")).containsExactly(0.0);
    assertThat(tiny.values("kto", "kl")).containsExactly(0.0);
    assertThat(tiny.values("kto", "loss").getFirst()).isCloseTo(0.5, within(1e-12));
  }

  @ParameterizedTest
  @ValueSource(strings = {"use_dft_loss", "use_eaft_loss", "use_asft_loss"})
  void weighedTokensDoNotDependOnBatches(String loss) throws IOException {
    for (String method : List.of("lora", "full")) {
      String[] common = {"finetuning_type=" + method, loss + "=true", "max_steps=3"};
      String[] one = {"per_device_train_batch_size=4", "gradient_accumulation_steps=1"};
      String[] more = {
        "per_device_train_batch_size=2",
        "gradient_accumulation_steps=2",
        "accumulation_divides_gradients=false"
      };
      tiny.run("one" + method, Stream.of(common, one).flatMap(Stream::of).toArray(String[]::new));
      tiny.run("more" + method, Stream.of(common, more).flatMap(Stream::of).toArray(String[]::new));
      List<Double> whole = tiny.values("one" + method, "loss");
      List<Double> parts = tiny.values("more" + method, "loss");
      for (int i = 0; i < 3; i++) {
        assertThat(parts.get(i)).isCloseTo(whole.get(i), within(1e-4 * whole.get(i)));
      }
      assertThat(whole.getLast()).isNotEqualTo(whole.getFirst());
    }
  }

  @Test
  void aReferenceThatIsTheModelItselfIsNoOther() throws IOException {
    String[] more = {"logging_steps=1"};
    tiny.run("own", words("dpo", more));
    tiny.run("named", words("dpo", "logging_steps=1", "ref_model=" + tiny.model));
    assertThat(tiny.log("named")).isEqualTo(tiny.log("own"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"dpo", "kto"})
  void evaluatedAloneThereAreNoRewards(String stage) throws IOException {
    String set = stage.equals("kto") ? "judged" : "few";
    tiny.run("eval", words(stage, "do_train=false", "do_eval=true", "eval_dataset=" + set));
    JsonNode results =
        llmengine.train.checkpoint.JsonFiles.read(tiny.output("eval").resolve("eval_results.json"));
    assertThat(results.has("eval_rewards/chosen")).isFalse();
    assertThat(results.path("eval_logps/chosen").asDouble()).isNegative();
    assertThat(results.path("eval_loss").asDouble())
        .isCloseTo(stage.equals("kto") ? 0.5 : Math.log(2), within(1e-9));
  }

  @Test
  void trainingRaisesScoresAndTheyArePredicted() throws IOException {
    String[] words =
        words(
            "rm",
            "max_steps=40",
            "eval_dataset=pairs",
            "do_predict=true",
            "do_eval=true",
            "value_head_dropout=0.0");
    tiny.run("rm", words);
    JsonNode results =
        llmengine.train.checkpoint.JsonFiles.read(tiny.output("rm").resolve("all_results.json"));
    assertThat(results.path("eval_accuracy").asDouble()).isGreaterThan(0.9);
    assertThat(results.path("predict_accuracy").asDouble())
        .isEqualTo(results.path("eval_accuracy").asDouble());
    List<String> lines =
        Files.readAllLines(tiny.output("rm").resolve("generated_predictions.jsonl"));
    assertThat(lines).hasSize(11).allMatch(l -> l.matches("\\{\"chosen\":\\S+,\"rejected\":\\S+}"));
    tiny.run("start", words("rm", "max_steps=1", "learning_rate=0"));
    assertThat(tiny.weights("start").get(ValueHead.FILE)).isNotEmpty();
    assertThat(tiny.weights("rm").get(ValueHead.FILE))
        .isNotEqualTo(tiny.weights("start").get(ValueHead.FILE));
    // the adapter's folder brings its head along
    tiny.run(
        "again",
        words(
            "rm",
            "adapter_name_or_path=" + tiny.output("rm"),
            "do_train=false",
            "do_predict=true",
            "eval_dataset=pairs"));
    assertThat(Files.readAllLines(tiny.output("again").resolve("generated_predictions.jsonl")))
        .isEqualTo(lines);
    assertThatThrownBy(
            () ->
                tiny.run(
                    "headless",
                    words("rm", "do_train=false", "do_predict=true", "eval_dataset=pairs")))
        .isInstanceOf(TrainException.class)
        .hasMessageContaining("expected value_head.safetensors");
  }

  @Test
  void pairsThatAreNoneAreDroppedAndEqualOnesReported() throws IOException {
    String printed = print("bad", words("dpo", "dataset=bad", "max_steps=1"));
    assertThat(printed)
        .contains("dropped 1 (roles out of order 0, without a chosen and a rejected answer 1,")
        .contains("chosen and rejected equal in 1")
        .contains("2 training rows");
    assertThat(Files.readString(tiny.output("bad").resolve("data_report.jsonl")))
        .contains("\"reason\":\"no_pair\"")
        .contains("\"reason\":\"identical_pair\"");
  }

  @Test
  void feedbackOfOneKindIsWarnedAbout() {
    String printed = print("good", words("kto", "dataset=good", "max_steps=1"));
    assertThat(printed).contains("4 desirable, 0 undesirable: WARNING: one kind only");
    assertThat(tiny.values("good", "rewards/chosen")).hasSize(0);
  }

  @Test
  void dataOfAnotherStageIsRefused() {
    assertThatThrownBy(() -> tiny.run("x", words("dpo", "dataset=talk")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("expected ranking: true for stage rm and dpo");
    assertThatThrownBy(() -> tiny.run("x", words("kto", "dataset=pairs")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("expected ranking: false for stage kto");
    assertThatThrownBy(() -> tiny.run("x", words("kto", "dataset=talk")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("without an answer with kto_tag");
  }

  private String print(String name, String... words) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      new Training(tiny.config(name, words), out, ShortRun.NEVER).run();
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void branchesAreTwoSequencesInLossAndGradients() throws IOException {
    try (Backend backend = new VectorBackend()) {
      tiny.open(
          backend,
          tiny.config("run", words("dpo", "finetuning_type=full")),
          parts -> {
            List<List<Example.Part>> rows = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
              rows.add(parts.data().train().get(i).parts());
            }
            float[][] shared = gradients(parts.model(), Sequences.of(rows, true));
            float[][] apart = gradients(parts.model(), Sequences.of(rows, false));
            assertThat(shared[0]).as("log-probabilities").containsExactly(apart[0]);
            for (int p = 1; p < shared.length; p++) {
              double norm = 0;
              double difference = 0;
              for (int i = 0; i < shared[p].length; i++) {
                norm += (double) apart[p][i] * apart[p][i];
                difference += Math.pow((double) apart[p][i] - shared[p][i], 2);
              }
              assertThat(Math.sqrt(difference))
                  .as("gradient %d", p)
                  .isLessThan(1e-5 * Math.sqrt(norm));
            }
          });
    }
  }

  /** Log-probabilities of all labelled tokens, then the gradients of their weighted sum. */
  private static float[][] gradients(Decoder model, Sequences sequences) {
    List<float[]> all = new ArrayList<>();
    try (Scope scope = new Scope(model.backend(), "activations")) {
      Tape tape = Tape.training(scope);
      Tensor hidden =
          model.hidden(
              tape,
              llmengine.nn.Batch.of(
                  scope,
                  sequences.ids(),
                  sequences.positions(),
                  llmengine.engine.Segments.branching(sequences.stretches(), sequences.parents())));
      Tensor values =
          llmengine.nn.CausalLogProbs.apply(
              tape, model, hidden, sequences.labelled(), sequences.targets(), null);
      all.add(values.toFloats());
      float[] weights = new float[sequences.labelled().length];
      for (int i = 0; i < weights.length; i++) {
        weights[i] = (float) Math.sin(i);
      }
      values.grad(scope.of(weights, weights.length));
      tape.backward();
    }
    model
        .parameters()
        .values()
        .forEach(
            p -> {
              all.add(p.value().grad().toFloats());
              p.value().grad(null);
            });
    return all.toArray(float[][]::new);
  }

  @ParameterizedTest
  @ValueSource(strings = {"rm", "dpo", "kto"})
  void noiseChangesTrainingAndNotEvaluation(String stage) {
    String[] plain = words(stage, "val_size=3", "do_eval=true", "learning_rate=0", "max_steps=2");
    String[] noisy =
        Stream.concat(Stream.of(plain), Stream.of("neftune_noise_alpha=5")).toArray(String[]::new);
    tiny.run("plain", plain);
    tiny.run("noisy", noisy);
    assertThat(tiny.values("noisy", "loss")).isNotEqualTo(tiny.values("plain", "loss"));
    assertThat(tiny.values("noisy", "eval_loss")).isEqualTo(tiny.values("plain", "eval_loss"));
  }
}
