package llmengine.train.config;

import java.util.List;

/** The part of the model that finetuning_type freeze trains. */
@Section("Freeze")
public record FreezeArguments(
    @Key(preset = "2", doc = "Trains the last n layers, or the first n if negative.")
        int freezeTrainableLayers,
    @Key(preset = "all", doc = "Modules trained inside those layers, for example mlp,self_attn.")
        List<String> freezeTrainableModules,
    @Key(preset = "[]", doc = "Modules trained outside the layers, for example embed_tokens,norm.")
        List<String> freezeExtraModules) {}
