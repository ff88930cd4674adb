package llmengine.serve;

import java.util.Optional;
import llmengine.data.Tokenizer;
import llmengine.data.template.ChatFormat;
import llmengine.serve.chat.AnswerFormat;
import llmengine.serve.grammar.Grammars;
import llmengine.serve.schedule.Generations;
import llmengine.serve.schedule.Representations;
import llmengine.train.config.GeneratingArguments;

/**
 * A model as requests meet it.
 *
 * @param name under which it is asked for; its adapters have names of their own
 * @param answers what its answers are made of: thoughts, calls
 * @param grammars constraints on its answers
 * @param tokens texts of its tokens
 * @param context tokens that prompt and answer may have in all
 * @param defaults how answers are generated where a request does not say
 * @param generations answers; empty for a reward model
 * @param representations embeddings and scores, if there are any
 * @param created seconds since 1970, when the model was opened
 */
public record ServedModel(
    String name,
    Tokenizer tokenizer,
    ChatFormat format,
    AnswerFormat answers,
    Grammars grammars,
    TokenTexts tokens,
    int context,
    GeneratingArguments defaults,
    Optional<Generations> generations,
    Optional<Representations> representations,
    long created) {}
