package llmengine.data.process;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import llmengine.data.AlignedRow;
import llmengine.data.Message;
import llmengine.data.template.Turn;

/**
 * A prompt and one answer to it as ids, before any cut, the closing eos of efficient_eos included.
 */
record Answer(int[] prompt, int[] answer) {

  static Answer of(
      TurnEncoder encoder, AlignedRow row, Message message, boolean efficientEos, int eosId) {
    List<Message> messages = new ArrayList<>(row.prompt());
    messages.add(message);
    Turn turn = encoder.oneturn(messages, row);
    int[] answer = turn.target();
    if (efficientEos) {
      answer = Arrays.copyOf(answer, answer.length + 1);
      answer[answer.length - 1] = eosId;
    }
    return new Answer(turn.source(), answer);
  }

  int length() {
    return prompt.length + answer.length;
  }

  /** Writes the cut prompt and answer from {@code at} on, the answer learned; returns the end. */
  int write(int promptLength, int answerLength, int[] ids, int[] labels, int at) {
    int middle = at + promptLength;
    System.arraycopy(prompt, 0, ids, at, promptLength);
    System.arraycopy(answer, 0, ids, middle, answerLength);
    Arrays.fill(labels, at, middle, Example.IGNORED);
    System.arraycopy(answer, 0, labels, middle, answerLength);
    return middle + answerLength;
  }
}
