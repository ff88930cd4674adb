package llmengine.data.template;

/**
 * A call of a tool by the model, as chat requests write it.
 *
 * @param id by which a tool's answer names the call; empty if it has none
 * @param arguments JSON text, nearly always of an object
 */
public record ToolCall(String id, String name, String arguments) {}
