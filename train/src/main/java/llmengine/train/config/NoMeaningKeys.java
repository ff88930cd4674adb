package llmengine.train.config;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Keys of LLaMA-Factory that change nothing here: they steer Python, CUDA or other programs, and a
 * run gives the same result without them. They are accepted and named once at the start.
 */
final class NoMeaningKeys {

  /** A key, whether only {@code train} takes it, and why it changes nothing. */
  record NoMeaning(String name, boolean trainingOnly, String reason) {}

  private static final Map<String, NoMeaning> BY_NAME = new LinkedHashMap<>();

  static {
    anywhere("no code is loaded with a model or dataset", "trust_remote_code");
    anywhere("models are downloaded from Hugging Face only", "ms_hub_token", "om_hub_token");
    anywhere("there is one tokenizer", "use_fast_tokenizer");
    anywhere(
        "weights are mapped from their files, nothing is copied or spilled",
        "low_cpu_mem_usage",
        "offload_folder");
    anywhere(
        "there is one attention, exact and fused on every device", "flash_attn", "use_v1_kernels");
    anywhere("these fusions are built in", "enable_liger_kernel", "use_unsloth");
    anywhere("recomputation keeps nothing on a GPU", "use_unsloth_gc", "use_reentrant_gc");
    anywhere(
        "norms and logits are always computed in f32", "upcast_layernorm", "upcast_lmhead_output");
    anywhere(
        "this engine generates by itself, always with a cache", "infer_backend", "use_kv_cache");
    anywhere(
        "this engine generates by itself; vLLM is not used",
        "vllm_maxlen",
        "vllm_gpu_util",
        "vllm_enforce_eager",
        "vllm_max_lora_rank",
        "vllm_config");
    anywhere(
        "this engine generates by itself; SGLang is not used",
        "sglang_maxlen",
        "sglang_mem_fraction",
        "sglang_tp_size",
        "sglang_config",
        "sglang_lora_backend");
    anywhere(
        "KTransformers is not used",
        "use_kt",
        "kt_cpu_activation",
        "kt_weight_path",
        "kt_non_expert_weight_path",
        "kt_expert_checkpoint_path",
        "kt_use_lora_experts",
        "kt_lora_expert_num",
        "kt_lora_expert_intermediate_size",
        "kt_config");
    anywhere("the cache of tokens is keyed by content and never stale", "overwrite_cache");
    anywhere(
        "tokenization uses all threads, in the batches of one worker", "preprocessing_num_workers");
    anywhere("one process reads the data", "data_shared_file_system");
    anywhere(
        "Megatron and HyperParallel are not used",
        "use_mca",
        "use_megatron_bridge",
        "use_hyper_parallel",
        "hyper_parallel_args",
        "hyper_parallel_cp_size");
    training(
        "Megatron is not used",
        "tensor_model_parallel_size",
        "pipeline_model_parallel_size",
        "expert_model_parallel_size",
        "context_parallel_size",
        "virtual_pipeline_model_parallel_size",
        "sequence_parallel",
        "recompute_granularity",
        "recompute_method",
        "recompute_num_layers",
        "account_for_embedding_in_pipeline_split",
        "account_for_loss_in_pipeline_split",
        "bias_activation_fusion",
        "apply_rope_fusion",
        "masked_softmax_fusion",
        "cross_entropy_loss_fusion",
        "moe_grouped_gemm",
        "moe_token_dispatcher_type",
        "calculate_per_token_loss",
        "use_distributed_optimizer",
        "overlap_param_gather",
        "overlap_grad_reduce",
        "use_packed_sequences",
        "mixed_precision",
        "megatron_pretrained_checkpoint",
        "export_hf_on_finish",
        "extra_config");
    training("Ray is not used", "ray_num_workers", "ray_init_kwargs", "master_addr", "master_port");
    training(
        "one process trains and holds everything; a step is per_device_train_batch_size x"
            + " gradient_accumulation_steps rows",
        "ddp_timeout",
        "ddp_find_unused_parameters",
        "ddp_backend",
        "ddp_bucket_cap_mb",
        "deepspeed",
        "fsdp",
        "fsdp_config",
        "fsdp_transformer_layer_cls_to_wrap",
        "accelerator_config",
        "average_tokens_across_devices",
        "save_on_each_node");
    training(
        "batches are made while the model computes, without worker processes",
        "dataloader_num_workers",
        "dataloader_pin_memory",
        "dataloader_prefetch_factor",
        "dataloader_persistent_workers");
    training("datasets become rows of tokens at once", "remove_unused_columns", "label_names");
    training("recomputation has no variants", "gradient_checkpointing_kwargs");
    training("every run is deterministic", "full_determinism");
    training(
        "there is no Python to compile and no CUDA cache to empty",
        "tf32",
        "torch_compile",
        "torch_compile_backend",
        "torch_empty_cache_steps",
        "use_liger_kernel");
    training("the first value that is not finite stops the run", "logging_nan_inf_filter");
    training("progress adapts to the terminal", "disable_tqdm", "log_level");
    training(
        "evaluation computes the loss and keeps no predictions",
        "prediction_loss_only",
        "eval_accumulation_steps",
        "batch_eval_metrics");
    training(
        "a profile holds stacks and memory, and no shapes",
        "profiler_record_shapes",
        "profiler_profile_memory",
        "profiler_with_stack");
    training("Trackio is not used", "project", "trackio_space_id");
    training("BAdam has nothing to print beside the log", "badam_verbose");
  }

  private NoMeaningKeys() {}

  /** All such keys in the order of the documentation. */
  static Map<String, NoMeaning> byName() {
    return BY_NAME;
  }

  private static void anywhere(String reason, String... names) {
    put(false, reason, names);
  }

  private static void training(String reason, String... names) {
    put(true, reason, names);
  }

  private static void put(boolean trainingOnly, String reason, String... names) {
    for (String name : List.of(names)) {
      BY_NAME.put(name, new NoMeaning(name, trainingOnly, reason));
    }
  }
}
