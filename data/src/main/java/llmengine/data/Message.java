package llmengine.data;

/** One turn of a conversation. */
public record Message(Role role, String content) {}
