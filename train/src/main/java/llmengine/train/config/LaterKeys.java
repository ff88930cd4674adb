package llmengine.train.config;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Keys of LLaMA-Factory that would change the result and are not supported yet. Their default is
 * accepted, because it asks for what is done anyway; any other value is an error.
 */
final class LaterKeys {

  /**
   * A key with its default as in YAML, whether only {@code train} takes it, and the feature it
   * belongs to.
   */
  record Later(String name, String preset, boolean trainingOnly, String feature) {

    /** Whether the value asks for what is done anyway. */
    boolean isDefault(Value value) {
      if (value.isNull() || !(value instanceof Value.Scalar(String text, boolean quoted))) {
        return value.isNull() && preset.equals("null");
      }
      return text.equals(preset)
          || Text.truth(text).isPresent() && Text.truth(text).equals(Text.truth(preset))
          || Text.number(text).isPresent() && Text.number(text).equals(Text.number(preset));
    }
  }

  private static final Map<String, Later> BY_NAME = new LinkedHashMap<>();

  static {
    anywhere("special tokens spelled out in texts", "split_special_tokens=false");
    anywhere(
        "mixtures of depths and expert losses", "mixture_of_depths=null", "moe_aux_loss_coef=null");
    anywhere("printing every parameter", "print_param_status=false");
    anywhere(
        "pictures, video and sound",
        "image_max_pixels=589824",
        "image_min_pixels=1024",
        "image_do_pan_and_scan=false",
        "crop_to_patches=false",
        "video_max_pixels=65536",
        "video_min_pixels=256",
        "video_fps=2.0",
        "video_maxlen=128",
        "use_audio_in_video=false",
        "audio_sampling_rate=16000",
        "media_dir=null",
        "freeze_vision_tower=true",
        "freeze_multi_modal_projector=true",
        "freeze_language_model=false");
    anywhere(
        "writing .bin files and uploading",
        "export_legacy_format=false",
        "export_hub_model_id=null");
    anywhere(
        "a hub's token in the configuration; the variable HF_TOKEN is read", "hf_hub_token=null");
    anywhere("streamed datasets", "streaming=false", "buffer_size=16384");
    anywhere("saved token datasets", "tokenized_path=null");
    anywhere(
        "SwanLab; there are report_to: tensorboard and mlflow, and webhook_url",
        "use_swanlab=false",
        "swanlab_project=llamafactory",
        "swanlab_workspace=null",
        "swanlab_run_name=null",
        "swanlab_mode=cloud",
        "swanlab_api_key=null",
        "swanlab_logdir=null",
        "swanlab_lark_webhook_url=null",
        "swanlab_lark_secret=null");
    training(
        "times of single modules in the log; profile: true writes those of all",
        "profile_modules=null");
    training(
        "8-bit floating-point training",
        "fp8=false",
        "fp8_backend=auto",
        "fp8_enable_fsdp_float8_all_gather=false");
    training(
        "16-bit arithmetic, on a CPU no faster than f32; bf16 keeps frozen weights in 16 bits",
        "fp16=false",
        "fp16_full_eval=false",
        "bf16_full_eval=false");
    training("a delayed or first evaluation", "eval_delay=0", "eval_on_start=false");
    training("optimizer arguments as text", "optim_args=null");
    training(
        "other batches than whole shuffled ones",
        "group_by_length=false",
        "dataloader_drop_last=false",
        "auto_find_batch_size=false");
    training("resuming with the data started over", "ignore_data_skip=false");
    training("smoothed labels", "label_smoothing_factor=0.0");
    training(
        "tokens per second in the metrics (include_effective_tokens_per_second is there)",
        "include_tokens_per_second=false");
    training("checkpoints as .bin files", "save_safetensors=true");
    training(
        "uploading to a hub",
        "push_to_hub=false",
        "hub_model_id=null",
        "hub_token=null",
        "hub_strategy=every_save",
        "hub_private_repo=null");
    training(
        "benchmarks (the eval command)",
        "task=null",
        "task_dir=evaluation",
        "batch_size=4",
        "lang=en",
        "n_shot=5",
        "save_dir=null",
        "download_mode=reuse_dataset_if_exists");
  }

  private LaterKeys() {}

  /** All such keys in the order of the documentation. */
  static Map<String, Later> byName() {
    return BY_NAME;
  }

  private static void anywhere(String feature, String... defaults) {
    put(false, feature, defaults);
  }

  private static void training(String feature, String... defaults) {
    put(true, feature, defaults);
  }

  private static void put(boolean trainingOnly, String feature, String... defaults) {
    for (String entry : List.of(defaults)) {
      int equals = entry.indexOf('=');
      String name = entry.substring(0, equals);
      BY_NAME.put(name, new Later(name, entry.substring(equals + 1), trainingOnly, feature));
    }
  }
}
