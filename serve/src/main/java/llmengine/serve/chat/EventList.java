package llmengine.serve.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * Collects events. White space around calls and thoughts says nothing and is left out; white space
 * within text stays.
 */
final class EventList {
  private final Supplier<String> ids;
  private final boolean trims;
  private List<ChatEvent> events = new ArrayList<>();
  private final StringBuilder space = new StringBuilder(); // of content, until more content comes
  private final StringBuilder thoughtSpace = new StringBuilder();
  private boolean fresh; // right after a thought or a call
  private boolean thinking;
  private int calls;

  /** {@code trims}: whether calls may come, so that white space waits for what follows. */
  EventList(Supplier<String> ids, boolean trims) {
    this.ids = ids;
    this.trims = trims;
  }

  void content(String text) {
    int end = trims || fresh ? stripEnd(text) : text.length();
    if (end > 0) {
      String kept = space + text.substring(0, end);
      space.setLength(0);
      kept = fresh ? kept.stripLeading() : kept;
      fresh = false;
      events.add(new ChatEvent.Content(kept));
    }
    space.append(text, end, text.length());
  }

  private static int stripEnd(String text) {
    int end = text.length();
    while (end > 0 && Character.isWhitespace(text.charAt(end - 1))) {
      end--;
    }
    return end;
  }

  void reasoning(String text) {
    int end = stripEnd(text);
    if (end > 0) {
      String kept = thoughtSpace + text.substring(0, end);
      thoughtSpace.setLength(0);
      events.add(new ChatEvent.Reasoning(thinking ? kept : kept.stripLeading()));
      thinking = true;
    }
    thoughtSpace.append(text, end, text.length());
  }

  /** The thought is over. */
  void answer() {
    thoughtSpace.setLength(0);
    space.setLength(0);
    fresh = true;
  }

  void begin(String name) {
    space.setLength(0);
    fresh = true;
    events.add(new ChatEvent.CallBegin(calls++, ids.get(), name));
  }

  void arguments(String text) {
    if (!text.isEmpty()) {
      events.add(new ChatEvent.CallArguments(calls - 1, text));
    }
  }

  void end() {
    events.add(new ChatEvent.CallEnd(calls - 1));
  }

  /** Calls so far. */
  int calls() {
    return calls;
  }

  /** No text follows. */
  void finish() {
    if (!fresh && !space.isEmpty()) {
      events.add(new ChatEvent.Content(space.toString()));
    }
    space.setLength(0);
  }

  List<ChatEvent> take() {
    List<ChatEvent> taken = events;
    events = new ArrayList<>();
    return taken;
  }
}
