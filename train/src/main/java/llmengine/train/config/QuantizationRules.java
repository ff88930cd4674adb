package llmengine.train.config;

import static llmengine.train.config.RunConfig.Command.EXPORT;
import static llmengine.train.config.RunConfig.Command.TRAIN;

import java.util.List;
import java.util.function.Predicate;
import llmengine.quant.WeightQuantizers;
import llmengine.train.config.Rules.Rule;

/** What must hold between the keys of quantization and others: LLaMA-Factory's rules. */
final class QuantizationRules {
  static final List<Rule> ALL =
      List.of(
          error(
              List.of("quantization_bit", "quantization_method"),
              c ->
                  !WeightQuantizers.bits(c.quantization().quantizationMethod().key())
                      .contains(c.quantization().quantizationBit().get()),
              "not with this method: expected 4 or 8 bits for bnb, 1, 2, 3, 4, 5, 6 or 8 for hqq, 8"
                  + " for eetq, got another number. Set quantization_bit: 4."),
          error(
              List.of("use_dora", "quantization_method"),
              c ->
                  c.lora().useDora()
                      && c.quantization().quantizationMethod() != QuantizationArguments.Method.BNB,
              "DoRA works on plain weights and on those of bnb: expected quantization_method bnb,"
                  + " got another. Remove use_dora."),
          error(
              List.of("quantization_bit", "finetuning_type"),
              c -> !c.isAdapter(),
              "a quantized model can only be trained by adapters: expected finetuning_type lora"
                  + " or oft, got another. Set finetuning_type: lora or remove quantization_bit."),
          error(
              List.of("quantization_bit", "pissa_init"),
              c -> c.lora().pissaInit(),
              "PiSSA changes the weights, which are frozen: expected pissa_init false, got true."
                  + " Start PiSSA on the model as it is, with pissa_convert, and go on from"
                  + " there."),
          error(
              List.of("quantization_bit", "loftq_init"),
              c -> c.lora().loftqInit(),
              "LoftQ quantizes to 4 bits by itself and needs the weights as they were: expected no"
                  + " quantization_bit, got one. Remove quantization_bit."),
          error(
              List.of("quantization_bit", "adapter_name_or_path", "create_new_adapter"),
              c -> !c.model().adapterNameOrPath().isEmpty() && c.lora().createNewAdapter(),
              "a new adapter needs the old one merged, which a quantized model can't take: expected"
                  + " create_new_adapter false, got true. Merge the adapter by export first."),
          error(
              List.of("quantization_bit", "adapter_name_or_path"),
              c -> c.model().adapterNameOrPath().size() > 1,
              "a quantized model takes a single adapter: expected at most one, got several."
                  + " Merge them by export first."),
          error(
              List.of("quantization_bit", "export_dir"),
              c -> c.command() == EXPORT,
              "adapters can't be merged into a quantized model, and export writes whole weights:"
                  + " expected none, got a number of bits. Remove quantization_bit; the adapter"
                  + " fits the model as it was."),
          error(
              List.of("quantization_bit", "train_from_scratch"),
              c -> c.model().trainFromScratch(),
              "packs the weights of a checkpoint: expected train_from_scratch false, got true."
                  + " Remove one."),
          new Rule(
              List.of("quantization_device_map", "do_train"),
              true,
              c ->
                  c.command() == TRAIN
                      && c.training().doTrain()
                      && c.quantization().quantizationDeviceMap().isPresent(),
              "not for training: expected none, got auto. Remove quantization_device_map."),
          new Rule(
              List.of("quantization_device_map", "quantization_bit"),
              true,
              c ->
                  c.quantization().quantizationDeviceMap().isPresent()
                      && !c.quantization().isFourBit(),
              "only for a model in 4 bits: expected quantization_bit 4, got another or none."
                  + " Set quantization_bit: 4 or remove quantization_device_map."),
          note("quantization_method", c -> !c.quantization().isAsked(), "no quantization_bit"),
          note("quantization_type", c -> !c.quantization().isFourBit(), "not 4 bits of bnb"),
          note("double_quantization", c -> !c.quantization().isFourBit(), "not 4 bits of bnb"));

  private QuantizationRules() {}

  private static Rule error(List<String> keys, Predicate<RunConfig> broken, String message) {
    return new Rule(keys, true, c -> c.quantization().isAsked() && broken.test(c), message);
  }

  private static Rule note(String key, Predicate<RunConfig> idle, String reason) {
    return new Rule(
        List.of(key), false, c -> c.isGiven(key) && idle.test(c), "no effect: " + reason + ".");
  }
}
