package llmengine.data.process;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import llmengine.data.AlignedRow;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.data.template.Turn;

/**
 * Rows for generation: ids are the prompt, labels the reference answer (an empty one if the row has
 * none). One budget of cutoffLen is shared by the two.
 */
public record UnsupervisedProcessor(
    TurnEncoder encoder, int cutoffLen, boolean efficientEos, int eosId) implements Processor {

  @Override
  public Encoded encode(AlignedRow row) {
    if (row.prompt().size() % 2 == 0) {
      return Encoded.dropped(Issue.ROLES_OUT_OF_ORDER);
    }
    var messages = new ArrayList<Message>(row.prompt());
    messages.add(
        row.response().size() == 1 ? row.response().getFirst() : new Message(Role.ASSISTANT, ""));
    Turn turn = encoder.oneturn(messages, row);
    int[] answer = turn.target();
    if (efficientEos) {
      answer = Arrays.copyOf(answer, answer.length + 1);
      answer[answer.length - 1] = eosId;
    }
    Truncation cut = Truncation.of(turn.source().length, answer.length, cutoffLen);
    int full = turn.source().length + answer.length;
    Set<Issue> issues =
        cut.source() + cut.target() < full
            ? EnumSet.of(Issue.TRUNCATED)
            : EnumSet.noneOf(Issue.class);
    return new Encoded(
        Arrays.copyOf(turn.source(), cut.source()),
        Arrays.copyOf(answer, cut.target()),
        full,
        issues);
  }
}
