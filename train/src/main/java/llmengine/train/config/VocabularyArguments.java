package llmengine.train.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** New tokens, and the rows of the token table and the output projection that they need. */
@Section("Vocabulary")
public record VocabularyArguments(
    @Key(
            preset = "false",
            doc =
                "Adds rows to a model whose tokenizer has more tokens, up to a multiple of 64; new"
                    + " tokens turn it on.")
        boolean resizeVocab,
    @Key(preset = "[]", doc = "Tokens to add to the tokenizer that are ordinary words.")
        List<String> addTokens,
    @Key(preset = "[]", doc = "Special tokens to add to the tokenizer.")
        List<String> addSpecialTokens,
    @Key(
            doc =
                "YAML file of special tokens to add, with a description of each, as token: text;"
                    + " replaces add_special_tokens.")
        Optional<Path> newSpecialTokensConfig,
    @Key(
            preset = "noise_init",
            doc =
                "Start of new rows: the mean of the others and noise, or for described tokens the"
                    + " mean of their description's, with or without noise.")
        Start initSpecialTokens) {

  /** Start of the rows of new tokens. */
  public enum Start {
    NOISE_INIT,
    DESC_INIT,
    DESC_INIT_W_NOISE
  }
}
