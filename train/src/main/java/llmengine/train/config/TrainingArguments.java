package llmengine.train.config;

import java.nio.file.Path;
import java.util.Optional;

/** The course of a training run. */
@Section(value = "Training", trainingOnly = true)
public record TrainingArguments(
    @Key(doc = "Folder for checkpoints and results; null is trainer_output.")
        Optional<Path> outputDir,
    @Key(
            preset = "false",
            doc = "Starts anew in an output_dir that holds an earlier run, instead of resuming.")
        boolean overwriteOutputDir,
    @Key(preset = "false", doc = "Trains.") boolean doTrain,
    @Key(preset = "false", doc = "Evaluates at the end; implied by an eval_strategy other than no.")
        boolean doEval,
    @Key(
            preset = "false",
            doc =
                "Answers the prompts of the evaluation data at the end, into a file; in stage rm,"
                    + " scores its answers.")
        boolean doPredict,
    @Key(
            doc =
                "Checkpoint folder to go on from, or true for the newest in output_dir (which null"
                    + " also takes, if there is one).")
        Optional<String> resumeFromCheckpoint,
    @Key(preset = "8", min = 1, doc = "Rows per forward and backward pass.")
        int perDeviceTrainBatchSize,
    @Key(preset = "8", min = 1, doc = "Rows per forward pass of an evaluation.")
        int perDeviceEvalBatchSize,
    @Key(preset = "1", min = 1, doc = "Passes per optimizer step.") int gradientAccumulationSteps,
    @Key(preset = "3.0", above = 0, doc = "Times the data is gone through; may be a fraction.")
        double numTrainEpochs,
    @Key(preset = "-1", min = -1, doc = "Optimizer steps; above 0 it replaces num_train_epochs.")
        int maxSteps,
    @Key(
            preset = "42",
            min = 0,
            doc = "Seed of initial values, dropout, order and the validation split.")
        int seed,
    @Key(min = 0, doc = "Seed of the row order alone; null is seed.") Optional<Integer> dataSeed,
    @Key(
            preset = "false",
            doc = "Frozen weights in bf16, trained ones in f32; arithmetic stays f32.")
        boolean bf16,
    @Key(
            min = 0,
            doc =
                "NEFTune: noise on the embeddings in training, uniform up to alpha / sqrt(tokens of"
                    + " the longest row x width).")
        Optional<Double> neftuneNoiseAlpha,
    @Key(preset = "false", doc = "Recomputes activations even if disable_gradient_checkpointing.")
        boolean gradientCheckpointing,
    @Key(preset = "false", doc = "Computes on the CPU whatever else there is.") boolean useCpu) {}
