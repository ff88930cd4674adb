package llmengine.langchain4j;

import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.embedding.request.EmbeddingInput;
import dev.langchain4j.model.embedding.request.EmbeddingRequest;
import dev.langchain4j.model.embedding.response.EmbeddingResponse;
import dev.langchain4j.model.output.TokenUsage;
import java.util.ArrayList;
import java.util.List;
import llmengine.serve.local.LocalModel;
import llmengine.serve.schedule.Representations.Pooling;

/**
 * A model in this process as an {@link EmbeddingModel}: vectors of length 1. The caller keeps and
 * closes the model. Safe for concurrent use.
 */
public final class LocalEmbeddingModel implements EmbeddingModel {
  private final LocalModel model;
  private final Pooling pooling;

  /** Embeds by the mean of all tokens. */
  public LocalEmbeddingModel(LocalModel model) {
    this(model, Pooling.MEAN);
  }

  public LocalEmbeddingModel(LocalModel model, Pooling pooling) {
    this.model = model;
    this.pooling = pooling;
  }

  @Override
  public EmbeddingResponse doEmbed(EmbeddingRequest request) {
    List<Embedding> embeddings = new ArrayList<>();
    int tokens = 0;
    for (EmbeddingInput input : request.inputs()) {
      embeddings.add(Embedding.from(model.embed(input.text(), pooling)));
      tokens += model.tokens(input.text());
    }
    return EmbeddingResponse.builder()
        .embeddings(embeddings)
        .modelName(model.name())
        .tokenUsage(new TokenUsage(tokens))
        .build();
  }

  @Override
  public String modelName() {
    return model.name();
  }
}
