package llmengine.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.engine.Backend;
import llmengine.nn.Decoder;
import llmengine.nn.generate.SamplingOptions;
import llmengine.peft.Adapters;
import llmengine.train.chat.ChatModel;
import llmengine.train.config.RunConfig;
import llmengine.train.model.Backends;
import llmengine.train.model.ModelSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The README's first command teaches what it says: 20 questions that were not in the data, before
 * and after.
 */
class QuickstartTest {
  private static final Path EXAMPLES = Path.of("../examples");
  private static final String MODEL = "model_name_or_path=" + EXAMPLES + "/quickstart-model/model";

  @Test
  void fineTuningTeachesTheNewIdentity(@TempDir Path folder) throws Exception {
    StringWriter printed = new StringWriter();
    PrintWriter out = new PrintWriter(printed, true);
    int code =
        Main.run(
            out,
            out,
            "train",
            EXAMPLES + "/quickstart.yaml",
            MODEL,
            "dataset_dir=" + EXAMPLES + "/quickstart-data",
            "output_dir=" + folder);
    assertThat(code).as(printed.toString()).isZero();
    assertThat(printed.toString()).contains("before  ", "after   ", "chat model_name_or_path=");
    assertThat(folder.resolve("adapter_model.safetensors")).exists();

    assertThat(right(List.of(MODEL, "template=chatml"))).isLessThanOrEqualTo(2);
    assertThat(right(List.of(MODEL, "template=chatml", "adapter_name_or_path=" + folder)))
        .isGreaterThanOrEqualTo(18);
  }

  /** How many of the 20 questions a model answers as taught, without chance. */
  private static int right(List<String> words) throws Exception {
    Path file = EXAMPLES.resolve("quickstart-data/questions.json");
    JsonNode questions = new ObjectMapper().readTree(Files.readAllBytes(file));
    assertThat(questions).hasSize(20);
    RunConfig config = RunConfig.forInference(words);
    int right = 0;
    try (Backend backend = Backends.open(config);
        ModelSession session = ModelSession.open(config);
        Decoder model = session.load(backend)) {
      Adapters.mergeAll(model, config.adapterPaths());
      for (JsonNode q : questions) {
        try (ChatModel chat = new ChatModel(session, model)) {
          SamplingOptions greedy =
              SamplingOptions.greedy(48, chat.stopIds().toArray(Integer[]::new));
          List<Message> messages = List.of(new Message(Role.USER, q.path("question").asText()));
          String answer =
              chat.reply(messages, null, greedy, true, piece -> {}, () -> false).text().strip();
          if (Pattern.compile(q.path("right").asText(), Pattern.DOTALL).matcher(answer).find()) {
            right++;
          }
        }
      }
    }
    return right;
  }
}
