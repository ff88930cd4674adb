package llmengine.serve.chat;

/** A piece of an answer as a chat client sees it. */
public sealed interface ChatEvent {
  /** Text of the answer. */
  record Content(String text) implements ChatEvent {}

  /** Text of the thought before the answer ({@code reasoning_content}). */
  record Reasoning(String text) implements ChatEvent {}

  /**
   * A tool call begins.
   *
   * @param index of the call in the answer, from 0
   * @param id of the call, {@code call_} and 24 letters and digits
   * @param name of the function
   */
  record CallBegin(int index, String id, String name) implements ChatEvent {}

  /**
   * More of a call's arguments; joined they are what the model wrote for them as JSON text, which
   * is an object unless the model erred or was cut off.
   */
  record CallArguments(int index, String text) implements ChatEvent {}

  /** A call's arguments are whole. A call that the answer's end cuts off has no end. */
  record CallEnd(int index) implements ChatEvent {}
}
