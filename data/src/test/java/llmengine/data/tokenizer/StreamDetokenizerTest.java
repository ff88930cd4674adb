package llmengine.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import llmengine.data.Tokenizer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StreamDetokenizerTest {
  @Test
  void piecesJoinToTheWholeTextAndAreWholeCharacters(@TempDir Path dir) throws IOException {
    Tokenizer byteLevel = HuggingFaceTokenizer.load(Fixture.copyTo(dir));
    var random = new Random(5);
    for (int i = 0; i < 200; i++) {
      check(byteLevel, Fixture.randomText(random, random.nextInt(40)).replace("\uFFFD", ""));
    }
    check(byteLevel, "<|start|>the<|end|>é😀😀你好 <think> x");
  }

  @Test
  void sentencePieceKeepsItsSpaces() {
    Tokenizer pieces = GgufTokenizer.fromMetadata("test", GgufTokenizerTest.sentencePiece(true));
    check(pieces, "the the  😀😀你好</s> the é");
    check(pieces, " 你你   ");
    var random = new Random(6);
    for (int i = 0; i < 200; i++) {
      check(pieces, Fixture.randomText(random, random.nextInt(40)).replace("\uFFFD", ""));
    }
  }

  @Test
  void brokenBytesAppearWhenTheyCannotBeCompleted(@TempDir Path dir) throws IOException {
    Tokenizer tokenizer = HuggingFaceTokenizer.load(Fixture.copyTo(dir));
    int lead = tokenizer.encode("é")[0];
    int letter = tokenizer.encode("x")[0];
    var stream = new StreamDetokenizer(tokenizer, true);
    assertThat(stream.add(lead)).isEmpty();
    assertThat(stream.add(letter)).isEqualTo("\uFFFDx");
    assertThat(stream.add(lead)).isEmpty();
    assertThat(stream.finish()).isEqualTo("\uFFFD");
    assertThat(stream.finish()).isEmpty();
    var endless = new StreamDetokenizer(tokenizer, true);
    var all = new StringBuilder();
    for (int i = 0; i < 1000; i++) {
      all.append(endless.add(lead));
    }
    assertThat(all.append(endless.finish())).hasToString("\uFFFD".repeat(1000));
  }

  private static void check(Tokenizer tokenizer, String text) {
    int[] ids = tokenizer.encode(text);
    for (boolean skipSpecial : new boolean[] {true, false}) {
      var stream = new StreamDetokenizer(tokenizer, skipSpecial);
      var joined = new StringBuilder();
      for (int id : ids) {
        String piece = stream.add(id);
        assertThat(piece).doesNotContain("\uFFFD");
        assertThat(piece.isEmpty() || !Character.isHighSurrogate(piece.charAt(piece.length() - 1)))
            .isTrue();
        joined.append(piece);
      }
      joined.append(stream.finish());
      assertThat(joined.toString()).isEqualTo(tokenizer.decode(ids, skipSpecial));
    }
  }
}
