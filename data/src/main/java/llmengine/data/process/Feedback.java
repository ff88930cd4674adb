package llmengine.data.process;

/** What people thought of a row's answer, if they were asked (stage kto). */
public enum Feedback {
  NONE,
  DESIRABLE,
  UNDESIRABLE
}
