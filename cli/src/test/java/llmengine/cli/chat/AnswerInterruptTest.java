package llmengine.cli.chat;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class AnswerInterruptTest {
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  private final AtomicInteger exits = new AtomicInteger();
  private final AnswerInterrupt interrupt = new AnswerInterrupt(exits::incrementAndGet);

  @Test
  void endsTheAnswerFirst() {
    interrupt.begin();
    assertThat(interrupt.getAsBoolean()).isFalse();
    interrupt.arrive(0);
    assertThat(interrupt.getAsBoolean()).isTrue();
    assertThat(exits).hasValue(0);
  }

  @Test
  void oneKeyThatArrivesTwiceIsOne() {
    interrupt.begin();
    interrupt.arrive(0);
    interrupt.end();
    interrupt.arrive(SECOND / 2);
    assertThat(exits).hasValue(0);
    interrupt.arrive(2 * SECOND);
    assertThat(exits).hasValue(1);
  }

  @Test
  void endsTheProgramAtThePrompt() {
    interrupt.arrive(0);
    assertThat(exits).hasValue(1);
  }

  @Test
  void secondOneEndsAnAnswerThatDoesNotListen() {
    interrupt.begin();
    interrupt.arrive(0);
    interrupt.arrive(2 * SECOND);
    assertThat(exits).hasValue(1);
  }

  @Test
  void nextAnswerBeginsUndisturbed() {
    interrupt.begin();
    interrupt.arrive(0);
    interrupt.end();
    interrupt.begin();
    assertThat(interrupt.getAsBoolean()).isFalse();
  }
}
