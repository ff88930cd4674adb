package llmengine.train.config;

import static llmengine.train.config.Rules.error;
import static llmengine.train.config.Rules.keys;

import java.util.Set;
import llmengine.train.config.FinetuningArguments.FinetuningType;

/** What must hold between the keys of the methods: adapters of all kinds and LLaMA Pro. */
final class MethodRules {
  /** Keys of the section of LoRA that count for every adapter. */
  static final Set<String> COMMON =
      Set.of("lora_target", "additional_target", "create_new_adapter");

  private MethodRules() {}

  static void add() {
    error(
        keys("adapter_name_or_path", "finetuning_type"),
        c -> !c.model().adapterNameOrPath().isEmpty() && !c.isAdapter(),
        "adapters need LoRA: expected finetuning_type lora or oft, got another. Set"
            + " finetuning_type: lora or merge the adapter by export first.");
    ofLora("use_rslora", c -> c.lora().useRslora());
    ofLora("use_dora", c -> c.lora().useDora());
    ofLora("pissa_init", c -> c.lora().pissaInit());
    ofLora("loraplus_lr_ratio", c -> c.lora().loraplusLrRatio().isPresent());
    error(
        keys("pissa_iter"),
        c -> c.lora().pissaInit() && c.lora().pissaIter() == 0,
        "too few: expected 1 or more iterations, or -1 for an exact decomposition, got 0."
            + " LLaMA-Factory's default is 16.");
    error(
        keys("pissa_convert", "pissa_init"),
        c -> c.lora().pissaConvert() && !c.lora().pissaInit(),
        "converts what PiSSA started: expected pissa_init: true, got false. Set it or remove"
            + " pissa_convert.");
    ofLora("loftq_init", c -> c.lora().loftqInit());
    error(
        keys("loftq_init", "pissa_init"),
        c -> c.lora().loftqInit() && c.lora().pissaInit(),
        "both say what the adapter starts with: expected one of them, got both. Remove"
            + " loftq_init or pissa_init.");
    error(
        keys("loftq_iter", "loftq_init"),
        c -> c.isGiven("loftq_iter") && !c.lora().loftqInit(),
        "counts rounds of LoftQ: expected loftq_init: true, got false. Set it or remove"
            + " loftq_iter.");
    error(
        keys("oft_block_size", "oft_rank"),
        c ->
            c.finetuning().finetuningType() == FinetuningType.OFT
                && c.oft().oftRank() > 0 == c.oft().oftBlockSize() > 0,
        "says the size of blocks and oft_rank their number: expected one of them above 0 and the"
            + " other 0, got both alike. Set oft_block_size: 0 to go by oft_rank.");
    error(
        keys("use_llama_pro", "finetuning_type"),
        c ->
            c.finetuning().useLlamaPro()
                && c.finetuning().finetuningType() != FinetuningType.FREEZE
                && c.finetuning().finetuningType() != FinetuningType.LORA,
        "trains some blocks: expected finetuning_type freeze or lora, got another. Change it or"
            + " remove use_llama_pro.");
    error(
        keys("freeze_trainable_layers", "use_llama_pro"),
        c -> c.finetuning().useLlamaPro() && c.freeze().freezeTrainableLayers() < 1,
        "counts the added blocks: expected 1 or more with use_llama_pro, got less. Give the number"
            + " that expand added.");
  }

  /** Rules of new tokens. */
  static void addVocabulary() {
    error(
        keys("quantization_bit", "resize_vocab"),
        c -> c.quantization().isAsked() && c.resizesVocabulary(),
        "a quantized model can't get rows for new tokens, nor train them: expected neither"
            + " resize_vocab nor new tokens, got one. Grow the model first, without it.");
    error(
        keys("init_special_tokens", "new_special_tokens_config"),
        c ->
            c.vocabulary().initSpecialTokens() != VocabularyArguments.Start.NOISE_INIT
                && c.vocabulary().newSpecialTokensConfig().isEmpty(),
        "starts from descriptions: expected new_special_tokens_config with one for each token, got"
            + " none. Add it, or set init_special_tokens: noise_init.");
    error(
        keys("add_special_tokens", "new_special_tokens_config"),
        c ->
            !c.vocabulary().addSpecialTokens().isEmpty()
                && c.vocabulary().newSpecialTokensConfig().isPresent(),
        "excludes new_special_tokens_config: expected the tokens in one place, got both. Put them"
            + " all in the file.");
  }

  private static void ofLora(String key, java.util.function.Predicate<RunConfig> given) {
    error(
        keys(key, "finetuning_type"),
        c -> given.test(c) && !c.isLora(),
        "belongs to LoRA: expected finetuning_type lora, got another. Remove " + key + ".");
  }
}
