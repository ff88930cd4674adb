package llmengine.serve.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import llmengine.data.template.tool.WordPair;
import org.junit.jupiter.api.Test;

class GrammarConstraintTest {
  private static final ByteTokenizer TOKENS = new ByteTokenizer();
  private static final JsonNode SCHEMA =
      GrammarTest.json(
          "{'type':'object','properties':{'name':{'type':'string','minLength':1,'maxLength':40},"
              + "'tags':{'type':'array','items':{'enum':['é','日本',true]},'maxItems':3},"
              + "'n':{'type':'integer','minimum':0,'maximum':120},'in':{'$ref':'#/$defs/in'}},"
              + "'required':['name','n'],'$defs':{'in':{'type':'object','properties':{'in':"
              + "{'$ref':'#/$defs/in'},'x':{'type':'number'}},'required':['x']}}}");

  private final Grammars grammars = new Grammars(TOKENS, Set.of(ByteTokenizer.EOS));

  private static List<Integer> allowed(GrammarConstraint constraint) {
    float[] logits = new float[TOKENS.vocabSize() + 7]; // models pad their vocabularies
    constraint.mask(logits);
    List<Integer> ids = new ArrayList<>();
    for (int id = 0; id < logits.length; id++) {
      if (logits[id] == 0) {
        ids.add(id);
      } else {
        assertThat(logits[id]).isEqualTo(Float.NEGATIVE_INFINITY);
      }
    }
    return ids;
  }

  @Test
  void aTokenIsAllowedJustIfTheTextWithItCanGoOn() {
    Random random = new Random(1);
    Grammar grammar = Grammar.jsonSchema(SCHEMA);
    for (int walk = 0; walk < 8; walk++) {
      GrammarConstraint constraint = grammars.jsonSchema(SCHEMA);
      Recogniser recogniser = new Recogniser(grammar.program(), 1000);
      State state = recogniser.start();
      for (int step = 0; step < 60; step++) {
        List<Integer> ids = allowed(constraint);
        for (int id = 0; id < ByteTokenizer.EOS; id++) {
          boolean can = !recogniser.next(state, TOKENS.tokenBytes().get(id)).isDead();
          assertThat(ids.contains(id)).as("token " + id).isEqualTo(can);
        }
        assertThat(ids.contains(ByteTokenizer.EOS)).isEqualTo(state.complete);
        int id = ids.get(random.nextInt(ids.size()));
        constraint.accept(id);
        if (id == ByteTokenizer.EOS) {
          break;
        }
        state = recogniser.next(state, TOKENS.tokenBytes().get(id));
      }
    }
  }

  @Test
  void randomWalksEndInValidJson() throws Exception {
    Random random = new Random(2);
    int ended = 0;
    for (int walk = 0; walk < 60; walk++) {
      GrammarConstraint constraint =
          walk % 2 == 0 ? grammars.jsonSchema(SCHEMA) : grammars.jsonObject();
      List<Integer> answer = new ArrayList<>();
      for (int step = 0; step < 4000; step++) {
        List<Integer> ids = allowed(constraint);
        assertThat(ids).isNotEmpty();
        // after a while the walk closes what is open where it can
        int id = ids.get(random.nextInt(ids.size()));
        if (step > 30) {
          id = closing(ids, id);
        }
        constraint.accept(id);
        if (id == ByteTokenizer.EOS) {
          break;
        }
        answer.add(id);
      }
      String text = TOKENS.decode(answer.stream().mapToInt(i -> i).toArray(), false);
      JsonNode value = new ObjectMapper().readTree(text);
      assertThat(value.isObject()).as(text).isTrue();
      if (walk % 2 == 0) {
        assertThat(value.get("name").textValue().codePoints().count()).isBetween(1L, 40L);
        assertThat(value.get("n").isInt()).isTrue();
        assertThat(value.get("n").intValue()).isBetween(0, 120);
      }
      assertThat(constraint.isComplete()).isTrue();
      assertThat(allowed(constraint)).containsExactly(ByteTokenizer.EOS);
      ended++;
    }
    assertThat(ended).isEqualTo(60);
  }

  private static int closing(List<Integer> ids, int otherwise) {
    for (int id : List.of(ByteTokenizer.EOS, (int) '"', (int) '}', (int) ']')) {
      if (ids.contains(id)) {
        return id;
      }
    }
    return otherwise;
  }

  @Test
  void everyWayToTokenizeAValidTextIsAllowed() {
    Random random = new Random(3);
    String text =
        "{\"name\": \"日本é\\u00e9\",\n"
            + "  \"tags\":[\"é\", \"日本\", true], \"n\":12, \"in\":{\"in\":{\"x\":0.5},\"x\":12}}";
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    for (int way = 0; way < 50; way++) {
      GrammarConstraint constraint = grammars.jsonSchema(SCHEMA);
      for (int at = 0; at < bytes.length; ) {
        List<Integer> fits = new ArrayList<>();
        for (int id = 0; id < ByteTokenizer.EOS; id++) {
          byte[] token = TOKENS.tokenBytes().get(id);
          if (at + token.length <= bytes.length
              && Arrays.equals(token, Arrays.copyOfRange(bytes, at, at + token.length))) {
            fits.add(id);
          }
        }
        assertThat(allowed(constraint)).containsAll(fits);
        int id = fits.get(random.nextInt(fits.size()));
        constraint.accept(id);
        at += TOKENS.tokenBytes().get(id).length;
      }
      assertThat(allowed(constraint)).containsExactly(ByteTokenizer.EOS);
    }
  }

  @Test
  void aForkGoesItsOwnWay() {
    GrammarConstraint one = grammars.choice(List.of("ab", "ac"));
    one.accept('a');
    GrammarConstraint other = one.fork();
    one.accept('b');
    assertThat(allowed(one)).containsExactly(ByteTokenizer.EOS);
    assertThat(allowed(other)).containsExactly((int) 'b', (int) 'c');
    other.accept('c');
    other.accept(ByteTokenizer.EOS);
    assertThat(allowed(other)).containsExactly(ByteTokenizer.EOS);
    assertThat(one.isComplete()).isTrue();
  }

  @Test
  void whatTheMaskForbidsIsNotAccepted() {
    GrammarConstraint constraint = grammars.regex("[0-9]+");
    assertThatThrownBy(() -> constraint.accept('x')).isInstanceOf(GrammarException.class);
    assertThatThrownBy(() -> constraint.accept(ByteTokenizer.EOS + 1))
        .isInstanceOf(GrammarException.class);
  }

  @Test
  void specialTokensComeOnlyWhereTheGrammarNamesThem() {
    Grammars thinking =
        grammars.afterThought(Optional.of(new WordPair("<think>\n", "\n</think>\n\n")), false);
    int open = TOKENS.idOf("<think>").getAsInt();
    int close = TOKENS.idOf("</think>").getAsInt();
    GrammarConstraint constraint = thinking.regex("yes|no");
    assertThat(allowed(constraint)).containsExactly((int) '<', (int) 'n', (int) 'y', open);
    constraint.accept(open);
    assertThat(allowed(constraint)).contains(close, (int) 'x').doesNotContain(ByteTokenizer.EOS);
    for (int id : TOKENS.encode("hm </thin")) {
      constraint.accept(id);
    }
    constraint.accept(close);
    assertThat(allowed(constraint)).containsExactly((int) '\n', (int) 'n', (int) 'y');
  }

  @Test
  void deepNestingAndLongTextsCostNoMoreThanTheirLength() {
    GrammarConstraint constraint = grammars.jsonObject();
    for (int id : TOKENS.encode("{\"a\":" + "[".repeat(20_000))) {
      constraint.accept(id);
    }
    assertThat(allowed(constraint)).contains((int) ']', (int) '[').doesNotContain((int) '}');
    for (int id : TOKENS.encode("]".repeat(20_000) + "}")) {
      constraint.accept(id);
    }
    assertThat(allowed(constraint)).containsExactly(ByteTokenizer.EOS);
  }

  @Test
  void tooAmbiguousAGrammarIsAnErrorNotALoop() {
    GrammarConstraint constraint =
        grammars.gbnf(
            "root ::= \"a\" x root | \"a\" y root | \"a\"\nx ::= \"\" | \"b\"\ny ::= \"\" | \"c\"");
    assertThatThrownBy(
            () -> {
              for (int i = 0; i < 100; i++) {
                constraint.accept('a');
              }
              GrammarConstraint wide = grammars.gbnf(wide());
              for (int i = 0; i < 100; i++) {
                wide.accept('a');
              }
            })
        .isInstanceOf(GrammarException.class)
        .hasMessageContaining("ambiguous");
  }

  private static String wide() {
    return "root ::= s\ns ::= \"a\" s x | \"a\" s y | \"a\"\nx ::= \"x\"\ny ::= \"y\"";
  }
}
