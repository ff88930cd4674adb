package llmengine.train.callback.profile;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A stretch of a step in the flight recording: an op in one direction, or what is none. */
@Name("llmengine.Op")
@Label("Operation")
@Category("LLM Engine")
@StackTrace(false)
final class OpEvent extends Event {
  @Label("Where")
  String where;

  @Label("Phase")
  String phase;
}
