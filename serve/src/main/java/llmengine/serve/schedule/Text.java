package llmengine.serve.schedule;

import llmengine.engine.Tape;
import llmengine.engine.Tensor;

/** A text to be read. */
final class Text extends Work {
  private final TextJob job;
  private final int[] ids;
  private final TextJob.Reading<?> reading;

  Text(TextJob job, int[] ids, TextJob.Reading<?> reading) {
    this.job = job;
    this.ids = ids;
    this.reading = reading;
  }

  @Override
  TextJob job() {
    return job;
  }

  @Override
  int index() {
    return 0;
  }

  @Override
  int prompt() {
    return ids.length;
  }

  @Override
  int length() {
    return ids.length;
  }

  @Override
  int id(int position) {
    return ids[position];
  }

  @Override
  boolean isOver() {
    return keys != null && keys.length() == ids.length;
  }

  @Override
  int mostReused() {
    return reading.readsAll() ? 0 : ids.length - 1;
  }

  @Override
  void restarted() {
    reading.restart();
  }

  @Override
  void tell() {
    job.finish();
  }

  void read(Tape tape, Tensor hidden) {
    reading.read(tape, hidden);
  }
}
