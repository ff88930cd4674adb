// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TeamTest {
  private final Team team = new Team(3);

  @AfterEach
  void close() {
    team.close();
  }

  private void eachChunkOnce(int count) {
    AtomicIntegerArray runs = new AtomicIntegerArray(Math.max(1, count));
    team.run(
        (chunk, worker) -> {
          assertThat(worker).isBetween(0, 2);
          runs.incrementAndGet(chunk);
        },
        count);
    for (int i = 0; i < count; i++) {
      assertThat(runs.get(i)).isEqualTo(1);
    }
  }

  @Test
  void everyChunkRunsOnce() {
    for (int count : new int[] {0, 1, 2, 3, 4, 100}) {
      eachChunkOnce(count);
    }
  }

  @Test
  void failureReachesTheCallerAndTheTeamGoesOn() {
    for (int i = 0; i < 20; i++) {
      assertThatThrownBy(
              () ->
                  team.run(
                      (chunk, worker) -> {
                        if (chunk == 7) {
                          throw new IllegalStateException("chunk 7");
                        }
                      },
                      20))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("chunk 7");
      eachChunkOnce(20);
    }
  }

  @Test
  void jobInsideAJobIsRefused() {
    assertThatThrownBy(() -> team.run((chunk, worker) -> team.run((c, w) -> {}, 2), 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageStartingWith("team: a job started another job");
    eachChunkOnce(5);
  }

  @Test
  void callersTakeTurns() throws Exception {
    try (ExecutorService callers = Executors.newFixedThreadPool(4)) {
      List<Future<?>> running = new ArrayList<>();
      for (int caller = 0; caller < 4; caller++) {
        running.add(
            callers.submit(
                () -> {
                  for (int i = 0; i < 200; i++) {
                    eachChunkOnce(1 + i % 9);
                  }
                }));
      }
      for (Future<?> done : running) {
        done.get();
      }
    }
  }
}
