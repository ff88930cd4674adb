package llmengine.train.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunConfigTest {

  @TempDir Path folder;

  private static RunConfig train(String... words) {
    List<String> all =
        new ArrayList<>(List.of("model_name_or_path=m", "do_train=true", "dataset=d"));
    all.addAll(Arrays.asList(words));
    return RunConfig.forTraining(all);
  }

  private Path file(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  @Test
  void defaultsStandWhereNothingIsGiven() {
    RunConfig config = train();
    assertThat(config.finetuning().stage()).isEqualTo(FinetuningArguments.Stage.SFT);
    assertThat(config.lora().loraRank()).isEqualTo(8);
    assertThat(config.lora().alpha()).isEqualTo(16);
    assertThat(config.lora().targetsAll()).isTrue();
    assertThat(config.optimizer().learningRate()).isEqualTo(5e-5);
    assertThat(config.data().enableThinking()).contains(true);
    assertThat(config.data().valSize()).isEqualTo(new ValSize.None());
    assertThat(config.checkpoint().saveSteps().of(100)).isEqualTo(500);
    assertThat(config.outputDir()).isEqualTo(Path.of("trainer_output"));
    assertThat(config.resume()).isEqualTo(new Resume.NewestIfAny());
    assertThat(config.recomputesActivations()).isTrue();
    assertThat(config.evaluates()).isFalse();
    assertThat(config.notes()).isEmpty();
    assertThat(config.given()).containsExactly("model_name_or_path", "do_train", "dataset");
  }

  @Test
  void wordsReplaceWhatTheFileSays() throws IOException {
    Path yaml =
        file(
            "run.yaml",
            """
            ### model
            model_name_or_path: some/model
            do_train: yes
            dataset: a, b
            learning_rate: 1e-4
            warmup_ratio: "1e-1"
            lora_target:
              - q_proj
              - v_proj
            lr_scheduler_type: cosine_with_min_lr
            lr_scheduler_kwargs: {min_lr: 1e-6}
            resume_from_checkpoint: null
            eval_strategy: no
            report_to: none
            """);
    RunConfig config =
        RunConfig.forTraining(
            List.of(
                yaml.toString(),
                "learning_rate=2.0e-4",
                "--max_steps",
                "-1",
                "--bf16",
                "--lora-rank=4",
                "--no-skip_special_tokens",
                "lr_scheduler_kwargs.num_cycles=0.5"));
    assertThat(config.data().dataset()).containsExactly("a", "b");
    assertThat(config.optimizer().learningRate()).isEqualTo(2e-4);
    assertThat(config.optimizer().warmupRatio()).isEqualTo(0.1);
    assertThat(config.optimizer().warmupStepsOf(31)).isEqualTo(4);
    assertThat(config.training().maxSteps()).isEqualTo(-1);
    assertThat(config.training().bf16()).isTrue();
    assertThat(config.lora().loraRank()).isEqualTo(4);
    assertThat(config.lora().loraTarget()).containsExactly("q_proj", "v_proj");
    assertThat(config.generating().skipSpecialTokens()).isFalse();
    assertThat(config.optimizer().lrSchedulerKwargs())
        .isEqualTo(Map.of("min_lr", 1e-6, "num_cycles", 0.5));
    assertThat(config.evaluation().evalStrategy()).isEqualTo(Interval.NO);
    assertThat(config.logging().reportTo()).containsExactly("none");
  }

  @Test
  void aUsualFileRunsUnchanged() throws IOException {
    Path yaml =
        file(
            "usual.yaml",
            """
            model_name_or_path: org/llama
            trust_remote_code: true
            stage: sft
            do_train: true
            finetuning_type: lora
            lora_rank: 8
            lora_target: all
            dataset: identity,alpaca_en_demo
            template: llama3
            cutoff_len: 2048
            max_samples: 1000
            preprocessing_num_workers: 16
            dataloader_num_workers: 4
            output_dir: saves/llama/lora/sft
            logging_steps: 10
            save_steps: 500
            plot_loss: true
            overwrite_output_dir: true
            save_only_model: false
            report_to: none  # choices: [none, wandb]
            per_device_train_batch_size: 1
            gradient_accumulation_steps: 8
            learning_rate: 1.0e-4
            num_train_epochs: 3.0
            lr_scheduler_type: cosine
            warmup_ratio: 0.1
            bf16: true
            ddp_timeout: 180000000
            resume_from_checkpoint: null
            val_size: 0.1
            per_device_eval_batch_size: 1
            eval_strategy: steps
            eval_steps: 500
            """);
    RunConfig config = RunConfig.forTraining(List.of(yaml.toString()));
    assertThat(config.notes())
        .containsExactly(
            "without meaning here (docs/config.md says why): trust_remote_code,"
                + " preprocessing_num_workers, dataloader_num_workers, ddp_timeout");
    assertThat(config.resume()).isEqualTo(new Resume.FromStart());
    assertThat(config.data().maxSamples()).contains(1000);
    assertThat(config.training().numTrainEpochs()).isEqualTo(3.0);
  }

  @Test
  void jsonFileReadsAsYamlDoes() throws IOException {
    Path json =
        file(
            "run.json",
            """
            {"model_name_or_path": "m", "do_train": true, "dataset": ["a", "b"],
            \t"learning_rate": 1e-4, "max_samples": null,
             "lr_scheduler_type": "polynomial", "lr_scheduler_kwargs": {"power": 2}}
            """);
    RunConfig config = RunConfig.forTraining(List.of(json.toString()));
    assertThat(config.data().dataset()).containsExactly("a", "b");
    assertThat(config.data().maxSamples()).isEmpty();
    assertThat(config.optimizer().lrSchedulerKwargs()).isEqualTo(Map.of("power", 2L));
  }

  @Test
  void jsonProblemsCarryTheirLines() throws IOException {
    Path json = file("run.json", "{\"model_name_or_path\": \"m\",\n \"lora_rank\": \"x\",\n");
    assertThatThrownBy(() -> RunConfig.forTraining(List.of(json.toString())))
        .hasMessageContaining(json + ":2 lora_rank: not a whole number")
        .hasMessageContaining(json + ":3: malformed JSON");
  }

  @Test
  void flagsAloneAreEnough() {
    RunConfig config =
        RunConfig.forTraining(
            List.of("--model_name_or_path", "m", "--do_train", "--dataset", "d", "--bf16", "no"));
    assertThat(config.training().doTrain()).isTrue();
    assertThat(config.training().bf16()).isFalse();
  }

  @Test
  void valSizeIsACountOrAShare() {
    assertThat(train("val_size=0.1").data().valSize()).isEqualTo(new ValSize.Share(0.1));
    assertThat(train("val_size=1").data().valSize()).isEqualTo(new ValSize.Rows(1));
    assertThat(train("val_size=100.0").data().valSize()).isEqualTo(new ValSize.Rows(100));
    assertThatThrownBy(() -> train("val_size=1.0")).hasMessageContaining("val_size");
    assertThatThrownBy(() -> train("val_size=1.5")).hasMessageContaining("val_size");
    assertThatThrownBy(() -> train("val_size=-1")).hasMessageContaining("val_size");
  }

  @Test
  void packingIsOnForPretrainingAndAskedForOnlyWhenGiven() {
    RunConfig pretraining = train("stage=pt");
    assertThat(pretraining.packing()).isTrue();
    assertThat(pretraining.packingAsked()).isFalse();
    assertThat(train("stage=pt", "packing=false").packing()).isFalse();
    assertThat(train("stage=pt", "packing=true").packingAsked()).isTrue();
    assertThat(train("neat_packing=true").packing()).isTrue();
    assertThat(train("neat_packing=true").packingAsked()).isTrue();
    assertThat(train().packing()).isFalse();
  }

  @Test
  void derivedValuesFollowTheirKeys() {
    assertThat(train("lora_alpha=0", "lora_rank=3").lora().alpha()).isEqualTo(6);
    assertThat(train("lora_alpha=5").lora().alpha()).isEqualTo(5);
    assertThat(train("overwrite_output_dir=true").resume()).isEqualTo(new Resume.FromStart());
    assertThat(train("resume_from_checkpoint=true").resume()).isEqualTo(new Resume.Newest());
    assertThat(train("resume_from_checkpoint=a/checkpoint-3", "overwrite_output_dir=true").resume())
        .isEqualTo(new Resume.From(Path.of("a/checkpoint-3")));
    RunConfig best = train("val_size=0.1", "eval_strategy=steps", "load_best_model_at_end=true");
    assertThat(best.evaluates()).isTrue();
    assertThat(best.evalSteps().of(9)).isEqualTo(500);
    assertThat(best.bestMetric()).contains("eval_loss");
    assertThat(best.greaterIsBetter()).isFalse();
    assertThat(train("save_steps=0.2").checkpoint().saveSteps().of(11)).isEqualTo(3);
    assertThat(train("optim=adamw_torch").optimizer().optim())
        .isEqualTo(train("optim=adamw_torch_fused").optimizer().optim());
    assertThat(train("include_num_input_tokens_seen=true").logging().includeNumInputTokensSeen())
        .isEqualTo(LoggingArguments.TokensSeen.ALL);
    assertThat(train("enable_thinking=null").data().enableThinking()).isEqualTo(Optional.empty());
  }

  @Test
  void scheduleParametersAreNumbersOrWords() {
    RunConfig config =
        train(
            "lr_scheduler_type=warmup_stable_decay",
            "lr_scheduler_kwargs={\"min_lr_ratio\": \"1e-1\", \"decay_type\": \"linear\","
                + " num_stable_steps: null}");
    assertThat(config.optimizer().lrSchedulerKwargs())
        .isEqualTo(Map.of("min_lr_ratio", 0.1, "decay_type", "linear"));
  }

  @Test
  void keysOfNoMeaningAreNamedOnce() {
    assertThat(train("trust_remote_code=true", "ddp_timeout=180000000", "flash_attn=fa2").notes())
        .singleElement()
        .asString()
        .contains("trust_remote_code, ddp_timeout, flash_attn");
  }

  @Test
  void keysWithoutEffectAreNoted() {
    assertThat(train("finetuning_type=full", "lora_rank=4").notes())
        .containsExactly("command line lora_rank: no effect: finetuning_type is not lora.");
    assertThat(train("max_steps=4", "num_train_epochs=2").notes()).hasSize(1);
    assertThat(train("lr_scheduler_type=constant", "warmup_steps=4").notes())
        .containsExactly(
            "command line warmup_steps: no effect: constant has no warm-up."
                + " Use lr_scheduler_type: constant_with_warmup."
                + " Given: warmup_steps: 4 (command line), lr_scheduler_type: constant"
                + " (command line).");
  }

  @Test
  void chatAndExportTakeNoTrainingKeys() {
    List<String> chat =
        List.of("model_name_or_path=m", "template=llama3", "infer_backend=huggingface");
    assertThat(RunConfig.forInference(chat).generating().topP()).isEqualTo(0.7);
    assertThatThrownBy(
            () -> RunConfig.forInference(List.of("model_name_or_path=m", "learning_rate=1")))
        .hasMessage(
            "command line learning_rate: belongs to train: expected a key of chat, got"
                + " learning_rate. Remove it here, or run train.");
    assertThatThrownBy(() -> RunConfig.forExport(chat)).hasMessageContaining("export_dir: missing");
    assertThat(
            RunConfig.forExport(
                    List.of("--model_name_or_path", "m", "--export_dir", "out", "--threads", "2"))
                .export()
                .exportDir())
        .contains(Path.of("out"));
  }

  @Test
  void recordedRunsParse() throws IOException {
    Path runs = Shared.folder().resolve("golden/llamafactory_runs");
    assumeTrue(Files.isDirectory(runs), "no " + runs);
    try (Stream<Path> all = Files.list(runs)) {
      for (Path run : all.filter(dir -> Files.exists(dir.resolve("run.yaml"))).sorted().toList()) {
        List<String> words = List.of(run.resolve("run.yaml").toString());
        String name = run.getFileName().toString();
        RunConfig config = RunConfig.forTraining(words);
        assertThat(config.training().doTrain()).as(name).isTrue();
        assertThat(config.notes()).as(name).hasSize(1);
      }
    }
  }
}
