package llmengine.data;

import java.util.List;

/**
 * A dataset row brought to one shape whatever its source format: the prompt is a list of messages
 * that ends with a user or observation turn, the response holds the answers (one for sft, chosen
 * then rejected for ranking data, none for text without answers). {@code system} and {@code tools}
 * are empty strings when absent; {@code tools} is a JSON list.
 */
public record AlignedRow(
    List<Message> prompt, List<Message> response, String system, String tools) {}
