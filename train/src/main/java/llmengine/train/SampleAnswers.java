package llmengine.train;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.nn.Decoder;
import llmengine.nn.generate.SamplingOptions;
import llmengine.train.chat.ChatModel;
import llmengine.train.model.ModelSession;

/** Answers to {@code sample_prompts}, greedily, to show what training changed. */
final class SampleAnswers {
  private static final int LONGEST = 64;

  private SampleAnswers() {}

  static List<String> of(ModelSession session, Decoder model, List<String> prompts) {
    List<String> answers = new ArrayList<>();
    if (prompts.isEmpty()) {
      return answers;
    }
    try (ChatModel chat = new ChatModel(session, model)) {
      SamplingOptions options =
          SamplingOptions.greedy(LONGEST, chat.stopIds().toArray(Integer[]::new));
      for (String prompt : prompts) {
        List<Message> messages = List.of(new Message(Role.USER, prompt));
        answers.add(
            chat.reply(messages, null, options, true, piece -> {}, () -> false).text().strip());
      }
    }
    return answers;
  }

  static void print(
      PrintStream out, List<String> prompts, List<String> before, List<String> after) {
    for (int i = 0; i < prompts.size(); i++) {
      out.println();
      out.println("prompt  " + prompts.get(i));
      out.println("before  " + before.get(i));
      out.println("after   " + after.get(i));
    }
  }
}
