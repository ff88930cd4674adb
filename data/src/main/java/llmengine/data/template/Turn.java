package llmengine.data.template;

/**
 * Token ids of one exchange: what is given (system, user, header of the assistant) and what is
 * learned.
 */
public record Turn(int[] source, int[] target) {}
