package llmengine.serve.openai;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import llmengine.data.Tokenizer;
import llmengine.nn.generate.FinishReason;
import llmengine.serve.TestServer;
import llmengine.serve.TokenTexts;
import llmengine.serve.schedule.Logprobs;
import org.junit.jupiter.api.Test;

class AnswerTextTest {
  private static final Tokenizer TOKENIZER = TestServer.tokenizer();
  private static final String TEXT = "Grüße, 世界! 👩‍🚀 flies → café.\n\tEnd of it";

  /** Ids whose borders lie anywhere: some texts are cut into single bytes' tokens. */
  private static int[] ids(String text, Random random) {
    List<Integer> ids = new ArrayList<>();
    int at = 0;
    while (at < text.length()) {
      int end = Math.min(text.length(), at + 1 + random.nextInt(6));
      end += end < text.length() && Character.isLowSurrogate(text.charAt(end)) ? 1 : 0;
      for (int id : TOKENIZER.encode(text.substring(at, end))) {
        ids.add(id);
      }
      at = end;
    }
    return ids.stream().mapToInt(Integer::intValue).toArray();
  }

  private record Told(List<String> pieces, List<TokenLogprob> logprobs, AnswerEvent.Finished end) {
    String text() {
      return String.join("", pieces);
    }
  }

  private static AnswerText text(Set<Integer> stopIds, String... stop) {
    return new AnswerText(
        0, TOKENIZER, new TokenTexts(TOKENIZER), stopIds, List.of(stop), TOKENIZER::isSpecial);
  }

  private static Told told(int[] ids, FinishReason reason, String... stop) {
    AnswerText text = text(Set.of(), stop);
    List<String> pieces = new ArrayList<>();
    List<TokenLogprob> logprobs = new ArrayList<>();
    for (int id : ids) {
      AnswerEvent.Piece piece = text.add(id, new Logprobs(-1, new int[] {id}, new float[] {-1}));
      if (piece != null) {
        pieces.add(piece.text());
        logprobs.addAll(piece.logprobs());
      }
      if (text.isStopped()) {
        break;
      }
    }
    AnswerEvent.Piece rest = text.finish();
    if (rest != null) {
      pieces.add(rest.text());
      logprobs.addAll(rest.logprobs());
    }
    return new Told(pieces, logprobs, text.end(reason));
  }

  @Test
  void piecesAreWholeCharactersAndJoinToTheText() {
    for (int seed = 0; seed < 200; seed++) {
      int[] ids = ids(TEXT, new Random(seed));

      Told told = told(ids, FinishReason.STOP);

      assertThat(told.text()).isEqualTo(TEXT);
      assertThat(told.pieces).allSatisfy(piece -> assertThat(piece).doesNotContain("\uFFFD"));
      assertThat(told.pieces)
          .allSatisfy(
              piece ->
                  assertThat(Character.isHighSurrogate(piece.charAt(piece.length() - 1)))
                      .isFalse());
      assertThat(told.logprobs).extracting(TokenLogprob::id).containsExactly(boxed(ids));
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      told.logprobs.forEach(token -> bytes.writeBytes(token.bytes()));
      assertThat(bytes.toString(StandardCharsets.UTF_8)).isEqualTo(TEXT);
    }
  }

  @Test
  void aStopTextEndsTheAnswerWhereverTokensCutIt() {
    for (int start = 1; start < TEXT.length() - 1; start++) {
      for (int end = start + 1; end <= Math.min(TEXT.length(), start + 5); end++) {
        if (Character.isLowSurrogate(TEXT.charAt(start))
            || end < TEXT.length() && Character.isLowSurrogate(TEXT.charAt(end))) {
          continue;
        }
        String stop = TEXT.substring(start, end);
        Told told = told(ids(TEXT, new Random(31L * start + end)), FinishReason.LENGTH, stop);

        assertThat(told.text()).isEqualTo(TEXT.substring(0, TEXT.indexOf(stop)));
        assertThat(told.end.reason()).isEqualTo(FinishReason.STOP);
        assertThat(told.end.stop()).isEqualTo(stop);
        int shown = told.text().length();
        assertThat(told.logprobs).allSatisfy(l -> assertThat(l.start()).isLessThan(shown));
      }
    }
  }

  @Test
  void textThatOnlyBeginsLikeAStopIsToldAtTheEnd() {
    int[] ids = TOKENIZER.encode("The END");

    Told told = told(ids, FinishReason.LENGTH, "END OF ALL");

    assertThat(told.text()).isEqualTo("The END");
    assertThat(told.logprobs).hasSize(ids.length);
    assertThat(told.end).isEqualTo(new AnswerEvent.Finished(0, FinishReason.LENGTH, null));
  }

  @Test
  void anAnswerCutWithinACharacterSaysSo() {
    int[] ids = TOKENIZER.encode("世");
    assertThat(ids.length).isGreaterThan(1);

    Told told = told(new int[] {ids[0]}, FinishReason.LENGTH);

    assertThat(told.text()).isEqualTo("\uFFFD");
    assertThat(told.logprobs).hasSize(1);
  }

  @Test
  void stopIdsCountButAreNoText() {
    int id = TOKENIZER.encode("a")[0];
    AnswerText text = text(Set.of(id));

    assertThat(text.add(id, null)).isNull();
    assertThat(text.finish()).isNull();
    assertThat(text.count()).isEqualTo(1);
  }

  private static Integer[] boxed(int[] ids) {
    Integer[] boxed = new Integer[ids.length];
    for (int i = 0; i < ids.length; i++) {
      boxed[i] = ids[i];
    }
    return boxed;
  }
}
