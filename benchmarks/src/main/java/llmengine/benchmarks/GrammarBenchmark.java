package llmengine.benchmarks;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import llmengine.data.Tokenizer;
import llmengine.data.tokenizer.HuggingFaceTokenizer;
import llmengine.serve.grammar.GrammarConstraint;
import llmengine.serve.grammar.Grammars;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a grammar costs: the mask at a state that is known, within a string, and all masks of an
 * answer under a schema that was never seen. The tokenizer is that of the folder in the system
 * property {@code checkpoint}.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 4, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {"--enable-native-access=ALL-UNNAMED", "-Xmx1g"})
public class GrammarBenchmark {
  private Grammars grammars;
  private GrammarConstraint inString;
  private float[] logits;
  private int[] answer;
  private int schemas;

  /** Opens the tokenizer. */
  @Setup
  public void open() {
    String folder = System.getProperty("checkpoint", "checkpoint");
    Tokenizer tokenizer = HuggingFaceTokenizer.load(Path.of(folder));
    grammars = new Grammars(tokenizer, Set.of(tokenizer.eosId().getAsInt()));
    logits = new float[tokenizer.vocabSize()];
    inString = grammars.jsonObject();
    for (int id : tokenizer.encode("{\"text\": \"It")) {
      inString.accept(id);
    }
    answer =
        tokenizer.encode("{\"name\": \"Ada Lovelace\", \"age\": 36, \"tags\": [\"a\", \"b\"]}");
  }

  /** A mask that was computed before. */
  @Benchmark
  public float[] known() {
    inString.mask(logits);
    return logits;
  }

  /** Compiling a schema and all masks of an answer, nothing known but the vocabulary. */
  @Benchmark
  public float[] newSchema() throws JsonProcessingException {
    JsonNode schema =
        new ObjectMapper()
            .readTree(
                """
                {"title": "%d", "type": "object", "properties": {"name": {"type": "string"},
                "age": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}},
                "required": ["name", "age", "tags"]}\
                """
                    .formatted(schemas++));
    GrammarConstraint constraint = grammars.jsonSchema(schema);
    for (int id : answer) {
      constraint.mask(logits);
      constraint.accept(id);
    }
    return logits;
  }
}
