package llmengine.data.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import llmengine.data.AlignedRow;
import llmengine.data.DataException;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.data.process.Example;
import llmengine.data.process.PackedSftProcessor;
import llmengine.data.process.Processor;
import llmengine.data.process.SftProcessor;
import llmengine.data.process.TurnEncoder;
import llmengine.data.template.Turn;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizationTest {
  private static final int STOP = 9;

  @TempDir Path folder;

  /** Letters of the text as ids; answers end with 9. */
  private static final TurnEncoder LETTERS =
      new TurnEncoder() {
        @Override
        public List<Turn> multiturn(List<Message> messages, AlignedRow row) {
          var turns = new ArrayList<Turn>();
          for (int i = 0; i < messages.size(); i += 2) {
            int[] answer = messages.get(i + 1).content().chars().toArray();
            answer = Arrays.copyOf(answer, answer.length + 1);
            answer[answer.length - 1] = STOP;
            turns.add(new Turn(messages.get(i).content().chars().toArray(), answer));
          }
          return turns;
        }

        @Override
        public Turn oneturn(List<Message> messages, AlignedRow row) {
          return multiturn(messages, row).getFirst();
        }
      };

  /** Row i: a question and an answer whose lengths vary; every 10th has no answer. */
  private record Feed(int size, int failAt) implements RowFeed {
    @Override
    public AlignedRow row(int index) {
      if (index == failAt) {
        throw new DataException(where(index) + ": broken");
      }
      var prompt = List.of(new Message(Role.USER, "q".repeat(1 + index % 7)));
      var answer = new Message(Role.ASSISTANT, "a".repeat(1 + index * 31 % 23));
      return new AlignedRow(prompt, index % 10 == 9 ? List.of() : List.of(answer), "", "");
    }

    @Override
    public String dataset(int index) {
      return "feed";
    }

    @Override
    public int index(int index) {
      return index;
    }

    @Override
    public String where(int index) {
      return "feed:" + index;
    }
  }

  private static Processor processor(boolean packed) {
    var sft = new SftProcessor(LETTERS, 20, false, false, false, -1);
    return packed ? new PackedSftProcessor(sft, true) : sft;
  }

  private static Tokenization tokenization(int rows, int failAt, int threads, boolean packed) {
    return new Tokenization(
        new Feed(rows, failAt), processor(packed), new int[] {STOP}, 50, threads);
  }

  private static List<String> contents(TokenizedDataset dataset) {
    var rows = new ArrayList<String>();
    for (int i = 0; i < dataset.size(); i++) {
      Example e = dataset.get(i);
      assertThat(dataset.length(i)).isEqualTo(e.ids().length);
      assertThat(dataset.learned(i)).isEqualTo(e.learned());
      rows.add(
          Arrays.toString(e.ids())
              + Arrays.toString(e.labels())
              + Arrays.toString(e.positions())
              + Arrays.toString(e.segments()));
    }
    return rows;
  }

  private static byte[] issues(TokenizedDataset dataset) {
    var out = new ByteArrayOutputStream();
    dataset.writeIssues(out);
    return out.toByteArray();
  }

  @Test
  void rowsAreThoseOfTheProcessorForAnyNumberOfThreads() {
    for (boolean packed : new boolean[] {false, true}) {
      List<String> first = null;
      for (int threads : new int[] {1, 2, 5}) {
        try (var dataset =
            tokenization(1234, -1, threads, packed).into(folder.resolve(packed + "" + threads))) {
          List<String> rows = contents(dataset);
          first = first == null ? rows : first;
          assertThat(rows).isEqualTo(first);
          assertThat(dataset.counts().rows()).isEqualTo(1234);
          assertThat(dataset.counts().droppedResponse()).isEqualTo(123);
          assertThat(dataset.counts().examples()).isEqualTo(dataset.size());
        }
      }
      assertThat(first).hasSizeLessThanOrEqualTo(1111);
    }
  }

  @Test
  void countsAndIssuesNameTheAffectedRows() {
    try (var dataset = tokenization(100, -1, 2, false).into(folder)) {
      String lines = new String(issues(dataset), StandardCharsets.UTF_8);
      assertThat(lines)
          .contains(
              "{\"dataset\":\"feed\",\"index\":9,\"reason\":\"no_single_response\","
                  + "\"dropped\":true,\"tokens\":0,\"kept_tokens\":0}\n");
      Counts counts = dataset.counts();
      assertThat(lines.lines().filter(line -> line.contains("truncated")).count())
          .isEqualTo(counts.truncated())
          .isPositive();
      assertThat(counts.answered()).isEqualTo(90);
      assertThat(counts.ended()).isEqualTo(90 - counts.truncated());
      assertThat(counts.longest()).isGreaterThan(20);
      assertThat(counts.tailTokens()).isZero();
    }
  }

  @Test
  void anInterruptedTokenizationGoesOnWhereItStopped() throws IOException {
    // 5000 rows are 100 batches: a shard holds 64
    Path broken = folder.resolve("broken");
    assertThatThrownBy(() -> tokenization(5000, 4000, 2, true).into(broken))
        .isInstanceOf(DataException.class)
        .hasMessage("feed:4000: broken");
    assertThat(TokenizedDataset.openComplete(broken)).isEmpty();
    try (Stream<Path> files = Files.list(broken)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("000000.tokens", "lock");
    }
    // rows of the first shard aren't read again: row 100 would fail now
    try (var resumed = tokenization(5000, 100, 3, true).into(broken);
        var unbroken = tokenization(5000, -1, 1, true).into(folder.resolve("whole"))) {
      assertThat(contents(resumed)).isEqualTo(contents(unbroken));
      assertThat(issues(resumed)).isEqualTo(issues(unbroken));
      assertThat(resumed.counts()).isEqualTo(unbroken.counts());
    }
    try (var again = TokenizedDataset.openComplete(broken).orElseThrow()) {
      assertThat(again.counts().rows()).isEqualTo(5000);
    }
  }

  @Test
  void damagedShardsAreNoticedAndMadeAgain() throws IOException {
    List<String> rows;
    try (var dataset = tokenization(5000, -1, 2, false).into(folder)) {
      rows = contents(dataset);
    }
    Path shard = folder.resolve("000001.tokens");
    byte[] good = Files.readAllBytes(shard);
    for (int damage = 0; damage < 4; damage++) {
      byte[] bad = good.clone();
      switch (damage) {
        case 0 -> bad[good.length / 2] ^= 1;
        case 1 -> bad[9] ^= 1;
        case 2 -> bad = Arrays.copyOf(bad, bad.length - 1);
        default -> bad = new byte[10];
      }
      Files.write(shard, bad);
      assertThat(TokenizedDataset.openComplete(folder)).isEmpty();
      try (var dataset = tokenization(5000, 100, 2, false).into(folder)) {
        assertThat(contents(dataset)).isEqualTo(rows);
      }
      assertThat(Files.readAllBytes(shard)).isEqualTo(good);
    }
  }

  @Test
  void labelsThatAreNeitherMaskedNorTheIdSurvive() throws IOException {
    var odd =
        new Example(
            new int[] {1, 2, 3, 4},
            new int[] {-100, 7, 3, -100},
            new int[] {0, 1, 0, 1},
            new int[] {4});
    var generation =
        new Example(new int[] {1, 2}, new int[] {5, 6, 7}, new int[] {0, 1}, new int[] {2});
    try (var writer = new ShardWriter(folder.resolve("000000.tokens"), 0)) {
      writer.add(odd);
      writer.add(generation);
      writer.endBatch(Counts.NONE);
      writer.finish();
    }
    try (var dataset = TokenizedDataset.openPrefix(folder)) {
      assertThat(dataset.get(0)).usingRecursiveComparison().isEqualTo(odd);
      assertThat(dataset.get(1)).usingRecursiveComparison().isEqualTo(generation);
      assertThatThrownBy(() -> dataset.get(2)).hasMessageContaining("expected 0 to 1, got 2");
    }
  }
}
