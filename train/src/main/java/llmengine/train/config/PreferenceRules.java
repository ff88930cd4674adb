package llmengine.train.config;

import static llmengine.train.config.Rules.error;
import static llmengine.train.config.Rules.keys;
import static llmengine.train.config.Rules.training;

import llmengine.train.config.FinetuningArguments.Stage;
import llmengine.train.stage.PairLoss;

/** What must hold between the keys of the stages rm, dpo and kto and of weighed tokens. */
final class PreferenceRules {
  private PreferenceRules() {}

  static void add() {
    training(
        keys("packing", "stage"),
        c -> c.data().packing().orElse(false) && !c.finetuning().stage().isCausalLm(),
        "is for texts: expected stage pt or sft, got another. Remove packing.");
    training(
        keys("ref_model", "stage", "pref_loss"),
        c -> c.preference().refModel().isPresent() && !comparesWithReference(c),
        "compares with nothing: expected stage dpo, kto or ppo and a pref_loss with a reference, or"
            + " use_asft_loss, got"
            + " another. Remove ref_model.");
    training(
        keys("neftune_noise_alpha", "stage"),
        c -> c.training().neftuneNoiseAlpha().isPresent() && c.finetuning().stage() == Stage.PPO,
        "not in stage ppo, whose answers come from the model without noise and whose loop in"
            + " LLaMA-Factory adds none either: expected another stage, got ppo. Remove"
            + " neftune_noise_alpha.");
    training(
        keys("shift_attn", "stage"),
        c ->
            c.model().shiftAttn()
                && (!c.finetuning().stage().isCausalLm() || c.tokenLoss().count() > 0),
        "is for long texts: expected stage pt or sft with their own loss, got another: what a"
            + " policy is compared with has full attention. Remove shift_attn.");
    training(
        keys("shift_attn_wraps", "shift_attn"),
        c -> c.engine().shiftAttnWraps() && !c.model().shiftAttn(),
        "changes shift_attn: expected shift_attn: true, got false. Set it or remove"
            + " shift_attn_wraps.");
    training(
        keys("use_dft_loss", "use_eaft_loss", "use_asft_loss", "stage"),
        c ->
            c.tokenLoss().count() > 1
                || c.tokenLoss().count() > 0 && c.finetuning().stage() != Stage.SFT,
        "weighs the tokens of stage sft: expected one of use_dft_loss, use_eaft_loss and"
            + " use_asft_loss in stage sft, got another combination. Keep one, or remove it.");
    error(
        keys("ref_model_adapters", "ref_model"),
        c -> !c.preference().refModelAdapters().isEmpty() && c.preference().refModel().isEmpty(),
        "belongs to a reference model: expected ref_model, got none. Add it or remove"
            + " ref_model_adapters.");
    error(
        keys("ref_model_quantization_bit", "ref_model"),
        c ->
            c.preference().refModelQuantizationBit().isPresent()
                && (c.preference().refModel().isEmpty()
                    || c.preference()
                        .refModelQuantizationBit()
                        .filter(b -> b != 4 && b != 8)
                        .isPresent()),
        "packs a reference model: expected ref_model, and 4 or 8, got another. Add ref_model or"
            + " correct the number.");
    training(
        keys("dpo_label_smoothing", "pref_loss"),
        c ->
            c.finetuning().stage() == Stage.DPO
                && c.preference().dpoLabelSmoothing() > 0
                && c.preference().prefLoss() != PairLoss.Kind.SIGMOID,
        "is for the sigmoid loss: expected pref_loss sigmoid, got another."
            + " Remove dpo_label_smoothing.");
  }

  private static boolean comparesWithReference(RunConfig config) {
    return config.tokenLoss().useAsftLoss()
        || config.finetuning().stage() == Stage.KTO
        || config.finetuning().stage() == Stage.PPO
        || config.finetuning().stage() == Stage.DPO
            && config.preference().prefLoss().hasReference();
  }
}
