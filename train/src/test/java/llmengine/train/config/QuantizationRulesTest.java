package llmengine.train.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** LLaMA-Factory's refusals, with its reasons. */
class QuantizationRulesTest {
  private static List<String> train(String... words) {
    List<String> all =
        new ArrayList<>(List.of("model_name_or_path=m", "do_train=true", "dataset=d"));
    all.addAll(List.of(words));
    return all;
  }

  private static String problem(Function<List<String>, RunConfig> read, List<String> words) {
    ConfigException e = catchThrowableOfType(ConfigException.class, () -> read.apply(words));
    assertThat(e).as("problems of " + words).isNotNull();
    return String.join("\n", e.problems());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "quantization_bit=3 | expected 4 or 8 bits for bnb",
        "quantization_bit=7 quantization_method=hqq | 1, 2, 3, 4, 5, 6 or 8 for hqq",
        "quantization_bit=4 quantization_method=eetq | 8 for eetq",
        "quantization_bit=4 quantization_method=hqq use_dora=true | DoRA works on plain weights",
        "quantization_bit=16 | expected a whole number >= 1 and <= 8, got 16",
        "quantization_bit=4 finetuning_type=full | can only be trained by adapters",
        "quantization_bit=4 finetuning_type=freeze | can only be trained by adapters",
        "quantization_bit=4 adapter_name_or_path=a,b | takes a single adapter",
        "quantization_bit=4 adapter_name_or_path=a create_new_adapter=true | needs the old one"
            + " merged",
        "quantization_bit=4 resize_vocab=true | can't get rows for new tokens",
        "quantization_bit=4 pissa_init=true | PiSSA changes the weights",
        "quantization_bit=4 loftq_init=true | LoftQ quantizes to 4 bits by itself",
        "quantization_bit=4 train_from_scratch=true | packs the weights of a checkpoint",
        "quantization_bit=4 quantization_device_map=auto | not for training",
        "quantization_bit=4 quantization_type=nf5 | expected one of nf4, fp4, got nf5",
        "quantization_bit=4 quantization_method=gptq | not supported yet: expected one of bnb, hqq",
        "quantization_bit=4 quantization_method=bmb | expected one of bnb, hqq",
      })
  void trainingRefuses(String words, String reason) {
    assertThat(problem(RunConfig::forTraining, train(words.split(" ")))).contains(reason);
  }

  @Test
  void inferenceTakesTheDeviceMapWithFourBitsOnly() {
    List<String> words =
        new ArrayList<>(List.of("model_name_or_path=m", "quantization_device_map=auto"));
    assertThat(problem(RunConfig::forInference, words)).contains("only for a model in 4 bits");
    words.add("quantization_bit=8");
    assertThat(problem(RunConfig::forInference, words)).contains("only for a model in 4 bits");
    words.set(2, "quantization_bit=4");
    RunConfig config = RunConfig.forInference(words);
    assertThat(config.quantization().quantizationBit()).contains(4);
    assertThat(config.quantization().quantizationType()).isEqualTo(QuantizationArguments.Type.NF4);
    assertThat(config.quantization().doubleQuantization()).isTrue();
  }

  @Test
  void exportRefuses() {
    assertThat(
            problem(
                RunConfig::forExport,
                List.of("model_name_or_path=m", "export_dir=x", "quantization_bit=4")))
        .contains("adapters can't be merged into a quantized model");
  }

  @Test
  void keysWithoutEffectAreNamed() {
    RunConfig config = RunConfig.forTraining(train("quantization_type=fp4", "quantization_bit=8"));
    assertThat(config.notes()).anyMatch(n -> n.contains("quantization_type: no effect"));
  }
}
