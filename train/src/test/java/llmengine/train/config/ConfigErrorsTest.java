package llmengine.train.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigErrorsTest {

  @TempDir Path folder;

  private static List<String> problems(String... words) {
    List<String> all =
        new ArrayList<>(List.of("model_name_or_path=m", "do_train=true", "dataset=d"));
    all.addAll(Arrays.asList(words));
    return problems(all);
  }

  private static List<String> problems(List<String> words) {
    ConfigException e =
        catchThrowableOfType(ConfigException.class, () -> RunConfig.forTraining(words));
    assertThat(e).as("problems of " + words).isNotNull();
    return e.problems();
  }

  private List<String> yaml(String text) throws IOException {
    Path file = Files.writeString(folder.resolve("run.yaml"), text);
    return problems(List.of(file.toString())).stream()
        .map(problem -> problem.replace(file.toString(), "run.yaml"))
        .toList();
  }

  @Test
  void allProblemsComeAtOnceEachWithItsLine() throws IOException {
    assertThat(
            yaml(
                """
                model_name_or_path: m
                do_train: true
                dataset: d

                lora_rnak: 8
                lora_rank: eight
                learning_rate: -1
                lr_scheduler_type: cosin
                pref_loss: kto_pair
                mixture_of_depths: convert
                compute_dtype: bf16
                """))
        .containsExactly(
            "run.yaml:5 lora_rnak: unknown key: expected a key of docs/config.md, got lora_rnak."
                + " Did you mean lora_rank?",
            "run.yaml:6 lora_rank: not a whole number: expected a whole number >= 1, got eight."
                + " Correct the value.",
            "run.yaml:7 learning_rate: out of range: expected a number >= 0, got -1."
                + " Correct the value.",
            "run.yaml:8 lr_scheduler_type: unknown choice: expected one of linear, cosine,"
                + " cosine_with_restarts, polynomial, constant, constant_with_warmup, inverse_sqrt,"
                + " reduce_lr_on_plateau, cosine_with_min_lr, cosine_warmup_with_min_lr,"
                + " warmup_stable_decay, got cosin. Did you mean cosine?",
            "run.yaml:9 pref_loss: not supported yet: expected one of sigmoid, hinge, ipo, orpo,"
                + " simpo, got kto_pair."
                + " Correct the value.",
            "run.yaml:10 mixture_of_depths: not supported yet (mixtures of depths"
                + " and expert losses): expected the default null, got convert. Remove it.",
            "run.yaml:11 compute_dtype: not a key: it follows from bf16, pure_bf16 and infer_dtype:"
                + " expected no such key, got bf16. Remove it.");
  }

  @Test
  void aKeyGivenTwiceIsAnError() throws IOException {
    assertThat(yaml("model_name_or_path: m\ndo_train: true\ndataset: d\nbf16: true\nbf16: false\n"))
        .containsExactly(
            "run.yaml:5 bf16: given twice: expected one value, got another at run.yaml:4."
                + " Remove one of them.");
  }

  @Test
  void malformedYamlNamesTheLine() throws IOException {
    assertThat(yaml("model_name_or_path: m\nlora_target: [a, b\nbf16: true\n"))
        .anyMatch(problem -> problem.startsWith("run.yaml:3: malformed YAML"));
    assertThat(yaml("- a\n- b\n")).anyMatch(problem -> problem.contains("got a list"));
    assertThat(yaml("a: 1\n\tb: 2\n")).anyMatch(problem -> problem.contains("malformed YAML"));
    assertThat(yaml("a: \u0001\n")).anyMatch(problem -> problem.contains("malformed YAML"));
    assertThat(yaml("")).anyMatch(problem -> problem.contains("model_name_or_path: missing"));
  }

  @Test
  void filesMadeElsewhereAreRead() throws IOException {
    assertThat(yaml("\uFEFFmodel_name_or_path: m\r\ndo_train: true\r\ndataset: d\r\nbf16: x\r\n"))
        .singleElement()
        .asString()
        .startsWith("run.yaml:4 bf16: not a boolean");
    Path json = Files.writeString(folder.resolve("run.json"), "\uFEFF{\"do_train\": 7}");
    assertThat(problems(List.of(json.toString()))).anyMatch(p -> p.contains(":1 do_train: not a"));
    Path latin = Files.write(folder.resolve("latin.yaml"), new byte[] {'a', ':', ' ', (byte) 0xe9});
    assertThat(problems(List.of(latin.toString())))
        .singleElement()
        .asString()
        .contains("text file in UTF-8");
    Files.createDirectory(folder.resolve("folder.yaml"));
    assertThat(problems(List.of(folder.resolve("folder.yaml").toString())))
        .singleElement()
        .asString()
        .contains("got a folder");
  }

  @Test
  void missingFileIsSaid() {
    assertThat(problems(List.of("no/such.yaml")))
        .singleElement()
        .asString()
        .startsWith("no/such.yaml: no such file");
    assertThat(problems(List.of(folder.toString() + "/.yaml"))).hasSize(1);
  }

  @Test
  void wordsThatSayNothingAreErrors() {
    assertThat(problems("extra"))
        .containsExactly(
            "command line: word without meaning: expected key=value or --key value, got"
                + " \"extra\". Remove or correct it.");
  }

  @Test
  void rulesBetweenKeysNameAllOfThem() throws IOException {
    assertThat(
            yaml(
                """
                model_name_or_path: m
                do_train: true
                val_size: 0.1
                eval_dataset: e
                """))
        .containsExactly(
            "run.yaml dataset: missing: expected names of dataset_info.json to train on, got none."
                + " Add dataset: ...",
            "run.yaml:3 val_size: nothing to hold out from: expected a dataset, got none."
                + " Add dataset or remove val_size.",
            "run.yaml:3 val_size: excludes eval_dataset: expected one of them, got both."
                + " Remove one. Given: val_size: 0.1 (run.yaml:3), eval_dataset: e (run.yaml:4).");
  }

  @Test
  void missingModelIsSaidOnce() {
    assertThat(problems(List.of("do_train=true", "dataset=d")))
        .singleElement()
        .asString()
        .startsWith("command line model_name_or_path: missing");
  }

  @Test
  void secretsAreNotRepeated() {
    assertThat(problems("hub_token=hf_abc")).singleElement().asString().doesNotContain("hf_abc");
  }

  @Test
  void keysNotSupportedYetMayHaveTheirDefaults() {
    RunConfig config =
        RunConfig.forTraining(
            List.of(
                "model_name_or_path=m",
                "do_train=true",
                "dataset=d",
                "quantization_bit=null",
                "fp16=no",
                "label_smoothing_factor=0e0",
                "pref_loss=sigmoid",
                "image_max_pixels=589824"));
    assertThat(config.notes()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "cutoff_len=0, out of range",
    "cutoff_len=1.5, not a whole number",
    "max_samples=99999999999, not a whole number",
    "bf16=maybe, not a boolean",
    "bf16=null, may not be null",
    "learning_rate=fast, not a number",
    "learning_rate=nan, not a number",
    "dataset={a: b}, a mapping",
    "lora_dropout=1, out of range",
    "logging_steps=0, neither a count nor a share",
    "save_steps=2.5, neither a count nor a share",
    "optim=lomo, not supported yet",
    "report_to=wandb, Set report_to: tensorboard or mlflow",
    "report_to=wandbb, unknown choice",
    "lr_scheduler_kwargs=3, not a mapping",
    "fp16=true, 16-bit",
    "do_train=false, nothing to do",
    "dataset=null, missing",
    "do_eval=true, nothing to evaluate",
    "interleave_probs=1, needs interleaving",
    "dataset_dir=ONLINE, not supported yet",
    "mask_history=true train_on_prompt=true, hides what",
    "val_size=0.1 eval_dataset=e, excludes eval_dataset",
    "stage=pt neat_packing=true, is for answers",
    "stage=pt mask_history=true, is for answers",
    "stage=pt train_on_prompt=true, is for answers",
    "finetuning_type=full adapter_name_or_path=a, adapters need LoRA",
    "finetuning_type=full use_rslora=true, belongs to LoRA",
    "finetuning_type=oft use_dora=true, belongs to LoRA",
    "finetuning_type=oft pissa_init=true, belongs to LoRA",
    "finetuning_type=freeze loraplus_lr_ratio=4, belongs to LoRA",
    "pissa_init=true pissa_iter=0, too few",
    "init_special_tokens=desc_init, starts from descriptions",
    "pissa_convert=true, converts what PiSSA started",
    "finetuning_type=oft oft_rank=4, expected one of them above 0",
    "finetuning_type=full use_llama_pro=true, trains some blocks",
    "use_llama_pro=true freeze_trainable_layers=-2, counts the added blocks",
    "adapter_folder=x, names a folder of nothing",
    "finetuning_type=freeze freeze_trainable_layers=0, trains no layer",
    "lr_scheduler_type=cosine_with_min_lr, needs a lowest rate",
    "lr_scheduler_kwargs={min_lr: 1}, unknown parameter",
    "lr_scheduler_type=polynomial lr_scheduler_kwargs={power: two}, not a number",
    "lr_scheduler_type=reduce_lr_on_plateau, follows evaluations",
    "load_best_model_at_end=true, needs a checkpoint per evaluation",
    "save_strategy=best, needs evaluations",
    "early_stopping_steps=2, counts evaluations",
    "save_only_model=true resume_from_checkpoint=true, leaves nothing",
    "val_size=9 eval_strategy=steps eval_steps=3 save_steps=4 load_best_model_at_end=true,"
        + " multiple",
    "val_size=9 eval_strategy=steps metric_for_best_model=accuracy, no such metric",
    "mix_strategy=interleave_over interleave_probs=0.5;0.4, other length",
  })
  void eachRuleIsChecked(String words, String message) {
    assertThat(problems(words.replace(';', ',').split(" (?=\\w+=)")))
        .anyMatch(problem -> problem.contains(message));
  }

  @Test
  void aRuleIsSilentAboutKeysThatCouldNotBeRead() {
    assertThat(problems("stage=sftt", "neat_packing=true")).hasSize(1);
  }

  @Test
  void nearestWordsAreSlipsOfTheHand() {
    assertThat(Text.distance("lora_rnak", "lora_rank")).isEqualTo(1);
    assertThat(Text.distance("", "abc")).isEqualTo(3);
    assertThat(Text.nearest("xyz", List.of("lora_rank", "stage"))).isEmpty();
    assertThat(Text.nearest("LORA_RANK", List.of("lora_rank", "stage"))).contains("lora_rank");
  }
}
