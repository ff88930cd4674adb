package llmengine.data.process;

import java.util.List;
import llmengine.data.AlignedRow;
import llmengine.data.Message;
import llmengine.data.template.Turn;

/**
 * Token ids of a conversation: a chat template together with its tokenizer. Safe for concurrent
 * use.
 */
public interface TurnEncoder {
  /** One turn per pair of messages, of {@code messages} with the row's system text and tools. */
  List<Turn> multiturn(List<Message> messages, AlignedRow row);

  /** Everything before the last message as source, the last message as target. */
  Turn oneturn(List<Message> messages, AlignedRow row);
}
