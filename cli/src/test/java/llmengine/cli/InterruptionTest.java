package llmengine.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import sun.misc.Signal;

class InterruptionTest {
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  private final AtomicInteger announced = new AtomicInteger();
  private final AtomicInteger ended = new AtomicInteger();

  @Test
  void signalBecomesARequest() throws InterruptedException {
    CountDownLatch arrived = new CountDownLatch(1);
    try (Interruption interruption = Interruption.listen(arrived::countDown)) {
      assertThat(interruption.requested()).isFalse();
      Signal.raise(new Signal("INT"));
      assertThat(arrived.await(30, TimeUnit.SECONDS)).isTrue();
      assertThat(interruption.requested()).isTrue();
    }
  }

  @Test
  void sameInterruptionTwiceIsOne() {
    try (Interruption interruption = listen()) {
      interruption.arrive(0);
      interruption.arrive(SECOND - 1);
      assertThat(announced).hasValue(1);
      assertThat(ended).hasValue(0);
    }
  }

  @Test
  void secondInterruptionEndsAtOnce() {
    try (Interruption interruption = listen()) {
      interruption.arrive(0);
      interruption.arrive(SECOND);
      assertThat(announced).hasValue(1);
      assertThat(ended).hasValue(1);
    }
  }

  private Interruption listen() {
    return Interruption.listen(announced::incrementAndGet, ended::incrementAndGet);
  }
}
