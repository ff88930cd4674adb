package llmengine.serve.chat;

/** A part of an answer that is read in its own way. */
interface Stage {
  /**
   * Takes what can be understood now and for ever, whatever may follow.
   *
   * @return the stage that goes on; this one if it waits for more text
   */
  Stage read(PendingText text, EventList events);
}
