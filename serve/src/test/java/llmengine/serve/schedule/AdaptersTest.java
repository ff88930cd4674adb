package llmengine.serve.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import llmengine.engine.Backend;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tape;
import llmengine.engine.cpu.VectorBackend;
import llmengine.nn.Batch;
import llmengine.nn.Decoder;
import llmengine.nn.ValueHead;
import llmengine.nn.generate.FinishReason;
import llmengine.nn.generate.Generator;
import llmengine.nn.generate.SamplingOptions;
import llmengine.nn.generate.TinyModel;
import llmengine.peft.AdapterConfig;
import llmengine.peft.Adapters;
import llmengine.peft.LoraConfig;
import llmengine.peft.LoraStart;
import llmengine.peft.OftConfig;
import llmengine.peft.Placement;
import llmengine.peft.Targets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdaptersTest {
  @TempDir Path dir;

  private final Backend backend = new VectorBackend();
  private final Decoder model = TinyModel.on(backend);
  private final Map<String, Path> paths = new LinkedHashMap<>();

  @BeforeEach
  void saveAdapters() throws IOException {
    LoraConfig lora = LoraConfig.of(3, 24, new Targets.All());
    save("lora", lora, 1);
    save("other", LoraConfig.of(5, 40, new Targets.Names(List.of("q_proj", "down_proj"))), 2);
    save("dora", lora.withDora(true), 3);
    save(
        "oft",
        new OftConfig(
            0,
            4,
            0,
            OftConfig.TERMS,
            Placement.of(new Targets.Names(List.of("o_proj", "up_proj")))),
        4);
    save("table", LoraConfig.of(2, 9, new Targets.Names(List.of("embed_tokens", "lm_head"))), 5);
  }

  @AfterEach
  void everythingIsGivenBack() {
    model.close();
    assertThat(backend.memory().used()).isZero();
    backend.close();
  }

  /** An adapter that changes much, in PEFT's layout. */
  private void save(String name, AdapterConfig config, int seed) throws IOException {
    Path path = Files.createDirectories(dir.resolve(name));
    try (Adapters adapters = Adapters.create(model, config, seed)) {
      SplittableRandom random = new SplittableRandom(seed);
      adapters
          .parameters()
          .forEach(
              p -> {
                float[] values = p.value().toFloats();
                for (int i = 0; i < values.length; i++) {
                  values[i] += (float) (0.2 * random.nextGaussian());
                }
                p.value().set(values);
              });
      adapters.save(path, "base");
    }
    paths.put(name, path);
  }

  private static GenerationRequest request(String name, int[] prompt, SamplingOptions options) {
    return new GenerationRequest(name, prompt, options, 1, 4, Optional.empty(), "");
  }

  private static Heard submit(Scheduler scheduler, GenerationRequest request) {
    Heard heard = new Heard(request.choices());
    heard.ticket = scheduler.submit(request, heard);
    return heard;
  }

  private static SamplingOptions options(int i) {
    return SamplingOptions.defaults().with().seed(i).topP(1).maxNewTokens(10 + i % 5 * 30).build();
  }

  private Scheduler withAll(SchedulerOptions options) {
    Scheduler scheduler = new Scheduler(model, "tiny", options);
    paths.forEach(scheduler::load);
    return scheduler;
  }

  /** The answer with an adapter attached as training does. */
  private int[] attached(String name, int[] prompt, SamplingOptions options) {
    if (name.equals("tiny")) {
      return new Generator(model, 1).generate(List.of(prompt), options).getFirst().ids();
    }
    try (Adapters adapters = Adapters.open(model, paths.get(name), false)) {
      return new Generator(model, 1).generate(List.of(prompt), options).getFirst().ids();
    }
  }

  @Test
  void requestsOfAllAdaptersTogetherAreThoseOfEachAlone() {
    List<String> names = new ArrayList<>(paths.keySet());
    names.add("tiny");
    List<GenerationRequest> requests = new ArrayList<>();
    List<int[]> expected = new ArrayList<>();
    for (int i = 0; i < 32; i++) {
      int[] prompt = TinyModel.prompt(i / 6, i % 4 == 0 ? 100 : 7 + i);
      requests.add(request(names.get(i % 6), prompt, options(i)));
      expected.add(attached(names.get(i % 6), prompt, options(i)));
    }
    List<Heard> alone = new ArrayList<>();
    try (Scheduler scheduler = withAll(SchedulerTest.blocks(100).withMaxSequences(1))) {
      assertThat(scheduler.models()).startsWith("tiny").containsAll(names);
      for (GenerationRequest r : requests) {
        alone.add(submit(scheduler, r).await());
      }
    }
    try (Scheduler scheduler = withAll(SchedulerTest.blocks(8).withPromptTokens(64))) {
      List<Heard> together = new ArrayList<>();
      CountDownLatch go = new CountDownLatch(1);
      SchedulerTest.holding(scheduler, go); // until all are there, so that blocks run out
      for (GenerationRequest r : requests) {
        together.add(submit(scheduler, r));
      }
      go.countDown();
      for (int i = 0; i < 32; i++) {
        String what = "request " + i + " of " + requests.get(i).model();
        Heard got = together.get(i).await();
        assertThat(alone.get(i).answer(0)).as(what).isEqualTo(expected.get(i));
        assertThat(got.answer(0)).as(what).isEqualTo(expected.get(i));
        for (int t = 0; t < expected.get(i).length; t++) {
          Logprobs a = alone.get(i).logprobs.get(0).get(t);
          Logprobs b = got.logprobs.get(0).get(t);
          assertThat(b.chosen()).as(what).isEqualTo(a.chosen());
          assertThat(b.top()).as(what).isEqualTo(a.top());
        }
      }
      assertThat(scheduler.statistics().preemptions()).isPositive();
    }
    assertThat(expected.get(0)).isNotEqualTo(expected.get(5)); // the same prompt, another adapter
  }

  @Test
  void aPrefixBelongsToOneAdapterAndOneLoading() throws Exception {
    int[] prompt = TinyModel.prompt(1, 100);
    try (Scheduler scheduler = withAll(SchedulerTest.blocks(60))) {
      for (String name : List.of("tiny", "lora", "other")) {
        Heard first = submit(scheduler, request(name, prompt, options(1))).await();
        assertThat(first.ticket.cachedPromptTokens()).as(name).isZero();
        Heard second = submit(scheduler, request(name, prompt, options(1))).await();
        assertThat(second.ticket.cachedPromptTokens()).as(name).isEqualTo(96);
        assertThat(second.answer(0)).isEqualTo(first.answer(0));
      }
      scheduler.unload("lora");
      scheduler.load("lora", paths.get("other")); // another adapter under the same name
      Heard fresh = submit(scheduler, request("lora", prompt, options(1))).await();
      assertThat(fresh.ticket.cachedPromptTokens()).isZero();
      assertThat(fresh.answer(0))
          .isEqualTo(submit(scheduler, request("other", prompt, options(1))).await().answer(0));
    }
  }

  @Test
  void unloadingWaitsForItsRequestsAndGivesTheMemoryBack() throws Exception {
    try (Scheduler scheduler = new Scheduler(model, "tiny", SchedulerTest.blocks(60))) {
      submit(scheduler, request("tiny", new int[] {1}, options(1))).await();
      Map<String, Long> before = backend.memory().usedBy();
      scheduler.load("lora", paths.get("lora"));
      assertThat(backend.memory().usedBy()).containsKey("adapter");
      CountDownLatch began = new CountDownLatch(1);
      CountDownLatch go = new CountDownLatch(1);
      Heard running =
          new Heard(1) {
            @Override
            public boolean token(int choice, int id, Logprobs p) {
              began.countDown();
              try {
                go.await();
              } catch (InterruptedException e) {
                throw new AssertionError(e);
              }
              return super.token(choice, id, p);
            }
          };
      scheduler.submit(request("lora", new int[] {1, 2}, options(0)), running);
      began.await();
      AtomicBoolean unloaded = new AtomicBoolean();
      Thread unloading =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      scheduler.unload("lora");
                    } catch (InterruptedException e) {
                      throw new AssertionError(e);
                    }
                    unloaded.set(true);
                  });
      while (scheduler.models().contains("lora")) {
        Thread.onSpinWait();
      }
      assertThatThrownBy(() -> submit(scheduler, request("lora", new int[] {1}, options(1))))
          .hasMessageContaining("[tiny], got lora");
      assertThat(unloaded).isFalse();
      go.countDown();
      running.await();
      unloading.join();
      assertThat(running.reasons).containsExactly(FinishReason.LENGTH);
      assertThat(backend.memory().usedBy()).isEqualTo(before);
      assertThatThrownBy(() -> scheduler.unload("tiny")).hasMessageContaining("got tiny");
      assertThatThrownBy(() -> scheduler.unload("lora")).hasMessageContaining("got lora");
    }
  }

  @Test
  void whatCannotBeBesideOthersIsRefusedAndNothingLeaks() throws IOException {
    LoraConfig lora = LoraConfig.of(2, 4, new Targets.All());
    Path saved = Files.createDirectories(dir.resolve("saved"));
    try (Adapters a =
        Adapters.create(
            model, lora.withPlacement(lora.placement().withModulesToSave(List.of("lm_head"))), 1)) {
      a.save(saved, "base");
    }
    save("pissa", lora.withStart(new LoraStart.Pissa(LoraStart.Pissa.EXACT)), 6);
    Path foreign = Files.createDirectories(dir.resolve("foreign"));
    for (String file : List.of("adapter_config.json", "adapter_model.safetensors")) {
      Files.copy(paths.get("lora").resolve(file), foreign.resolve(file));
    }
    Files.writeString(
        foreign.resolve("adapter_config.json"),
        Files.readString(foreign.resolve("adapter_config.json"))
            .replaceAll("\"r\"\\s*:\\s*3", "\"r\": 4"));
    try (Scheduler scheduler = new Scheduler(model, "tiny", SchedulerTest.blocks(60))) {
      Map<String, Long> before = backend.memory().usedBy();
      assertThatThrownBy(() -> scheduler.load("a", saved))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("modules_to_save [lm_head]");
      assertThatThrownBy(() -> scheduler.load("a", paths.get("pissa")))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("init_lora_weights");
      assertThatThrownBy(() -> scheduler.load("a", foreign))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("lora_A");
      assertThatThrownBy(() -> scheduler.load("tiny", paths.get("lora")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("other than [tiny]");
      assertThat(scheduler.models()).containsExactly("tiny");
      assertThat(backend.memory().usedBy()).isEqualTo(before);
    }
    try (Adapters own = Adapters.open(model, paths.get("lora"), false);
        Scheduler scheduler = new Scheduler(model, "tiny", SchedulerTest.blocks(60))) {
      assertThat(own.isEnabled()).isTrue();
      assertThatThrownBy(() -> scheduler.load("a", paths.get("other")))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("has one already");
      assertThat(submit(scheduler, request("tiny", new int[] {1}, options(1))).await().answer(0))
          .as("an adapter that stays on the model")
          .hasSize(40);
    }
  }

  @Test
  void anAdaptersOwnValueHeadScores() {
    int[] ids = TinyModel.prompt(1, 40);
    float expected;
    try (ValueHead head = ValueHead.fresh(backend, 16, 0.1f, 9);
        Adapters adapters = Adapters.open(model, paths.get("lora"), false);
        Scope scope = new Scope(backend, "test")) {
      head.save(paths.get("lora"));
      assertThat(adapters.isEnabled()).isTrue();
      Tape tape = Tape.inference(scope);
      expected =
          head.scores(tape, model.hidden(tape, Batch.of(scope, ids, 40)), new int[] {39})
              .toFloats()[0];
    }
    try (Scheduler scheduler = withAll(SchedulerTest.blocks(60))) {
      var scores = new ArrayList<java.util.concurrent.CompletableFuture<Float>>();
      for (int i = 0; i < 4; i++) {
        Heard beside = submit(scheduler, request("other", TinyModel.prompt(i, 30), options(i)));
        scores.add(scheduler.score("lora", ids, ""));
        beside.await();
      }
      scores.forEach(s -> assertThat(s.join()).isEqualTo(expected));
      assertThatThrownBy(() -> scheduler.score("other", ids, ""))
          .hasMessageContaining("value head");
    }
  }
}
