package llmengine.data.template;

import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import llmengine.data.DataException;
import llmengine.data.Tokenizer;

/** How one kind of message is written: slots in order. */
record Format(List<Slot> slots) {
  static final Format EMPTY = new Format(List.of());
  static final Format CONTENT = new Format(List.of(Slot.Text.of(Slot.PLACEHOLDER)));
  static final Format CONTENT_EOS =
      new Format(List.of(Slot.Text.of(Slot.PLACEHOLDER), Slot.Special.EOS));

  boolean isEmpty() {
    return slots.isEmpty();
  }

  void encode(Tokenizer tokenizer, String content, IntStream.Builder ids) {
    for (Slot slot : slots) {
      switch (slot) {
        case Slot.Text text -> {
          String written = text.with(content);
          if (!written.isEmpty()) {
            for (int id : tokenizer.encode(written)) {
              ids.add(id);
            }
          }
        }
        case Slot.Token token -> ids.add(idOf(tokenizer, token.name()));
        case Slot.Special special -> {
          OptionalInt id = special == Slot.Special.BOS ? tokenizer.bosId() : tokenizer.eosId();
          id.ifPresent(ids::add);
        }
      }
    }
  }

  /** The first slot's text with {@code content} put in. */
  String text(String content) {
    if (!slots.isEmpty() && slots.getFirst() instanceof Slot.Text text) {
      return text.with(content);
    }
    throw new DataException(
        "template: a format used as text must start with text: expected a text slot, got "
            + slots
            + ". Correct the template's definition.");
  }

  static int idOf(Tokenizer tokenizer, String token) {
    return tokenizer
        .idOf(token)
        .orElseThrow(
            () ->
                new DataException(
                    "template: token not in the tokenizer's vocabulary: expected \""
                        + token
                        + "\", got a vocabulary of "
                        + tokenizer.vocabSize()
                        + " ids without it. "
                        + "Choose the template that belongs to the model."));
  }
}
