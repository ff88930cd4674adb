package llmengine.serve.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GrammarTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  static JsonNode json(String text) {
    try {
      return JSON.readTree(text.replace('\'', '"'));
    } catch (JsonProcessingException e) {
      throw new AssertionError(e);
    }
  }

  private static void accepts(String schema, String... texts) {
    Grammar grammar = Grammar.jsonSchema(json(schema));
    for (String text : texts) {
      assertThat(grammar.matches(text.replace('\'', '"'))).as(schema + " " + text).isTrue();
    }
  }

  private static void refuses(String schema, String... texts) {
    Grammar grammar = Grammar.jsonSchema(json(schema));
    for (String text : texts) {
      assertThat(grammar.matches(text.replace('\'', '"'))).as(schema + " " + text).isFalse();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "{\"a\": 1}",
        "{\"a\":[1,-2.5e3,{\"b\":null}],\n  \"c\": \"x\\u00e9é\"}",
        "{\"\\ud83d\\ude00\": true}",
        "{\"a\": [ ]}"
      })
  void anyObjectIsAJsonObject(String text) {
    assertThat(Grammar.jsonObject().matches(text)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[1]",
        "{\"a\":01}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":1,}",
        "{  }  ",
        "{a:1}",
        "{\"a\n\":1}"
      })
  void othersAreNot(String text) {
    assertThat(Grammar.jsonObject().matches(text)).isFalse();
  }

  @Test
  void gbnfIsReadAsLlamaCppReadsIt() {
    Grammar grammar =
        Grammar.gbnf(
            """
            # a comment
            root  ::= item ("," item)* end?
            item  ::= [a-c]{2,3} | "\\x41" [^\\n"]
              | "(" root ")"
            end ::= .
            """);
    for (String text : List.of("ab", "abc,cc", "A!", "(ab)", "(ab,abc),aa", "ab?")) {
      assertThat(grammar.matches(text)).as(text).isTrue();
    }
    for (String text : List.of("a", "abcab", "A\n", "(ab", "ab,,")) {
      assertThat(grammar.matches(text)).as(text).isFalse();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      value = {
        "root ::= missing~missing",
        "a ::= \"x\"~root",
        "root ::= root \"x\" | \"y\"~left recursion",
        "root ::= a\\na ::= b? c\\nc ::= a \"x\" | \"z\"\\nb ::= \"b\"~a -> c -> a",
        "root ::= \"x\" root~never ends",
        "root ::= \"x~line 1",
        "root ::= [z-a]~rises",
        "root ::= (\"a\"~closing )",
        "root ::= \"a\"{3,2}~{3,2}"
      })
  void brokenGrammarsSayWhatIsWrong(String text, String said) {
    assertThatThrownBy(() -> Grammar.gbnf(text.replace("\\n", "\n")))
        .isInstanceOf(GrammarException.class)
        .hasMessageContaining(said);
  }

  @Test
  void hostileNestingIsRefusedNotOverflowing() {
    assertThatThrownBy(() -> Grammar.gbnf("root ::= " + "(".repeat(10_000)))
        .isInstanceOf(GrammarException.class);
    assertThatThrownBy(() -> Grammar.regex("(?:".repeat(10_000)))
        .isInstanceOf(GrammarException.class);
    JsonNode schema = json("{}");
    for (int i = 0; i < 900; i++) {
      schema = JSON.createObjectNode().put("type", "array").set("items", schema);
    }
    JsonNode deep = schema;
    assertThatThrownBy(() -> Grammar.jsonSchema(deep))
        .isInstanceOf(GrammarException.class)
        .hasMessageContaining("too deep");
    StringBuilder options = new StringBuilder("{'$ref':'#/$defs/a0','type':'object','$defs':{");
    for (int i = 0; i < 30; i++) {
      String next = "{'$ref':'#/$defs/a" + (i + 1) + "'}";
      options.append("'a").append(i).append("':{'anyOf':[").append(next).append(',').append(next);
      options.append("]},");
    }
    options.append("'a30':{'type':'object'}}}");
    assertThatThrownBy(() -> Grammar.jsonSchema(json(options.toString())))
        .isInstanceOf(GrammarException.class)
        .hasMessageContaining("too many");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "(ab|c)+[0-9]{2,3};abc123;true",
        "(ab|c)+[0-9]{2,3};ab1;false",
        "^\\d{3}-\\w+$;123-a_b;true",
        "[^a-c\\s]+;xyz;true",
        "[^a-c\\s]+;x z;false",
        "a.c;aéc;true",
        "\\p{Lu}\\p{L}*;Éa;true",
        "\\p{Lu}\\p{L}*;éa;false",
        "x{0};'';true",
        "(?<year>[0-9]{4})?!;2024!;true"
      })
  void regularExpressionsMatchAsAWhole(String expression, String text, boolean matches) {
    assertThat(Grammar.regex(expression).matches(text)).isEqualTo(matches);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(?=a)b",
        "(?<!a)b",
        "(a)\\1",
        "\\bword",
        "a++",
        "[[:alpha:]]",
        "a{2,1}",
        "(a",
        "*a",
        "a^b"
      })
  void whatIsNoPlainExpressionIsRefused(String expression) {
    assertThatThrownBy(() -> Grammar.regex(expression)).isInstanceOf(GrammarException.class);
  }

  @Test
  void objectsHaveTheirPropertiesInOrder() {
    String schema =
        "{'type':'object','properties':{'a':{'type':'integer'},'b':{'type':'string'},'c':{}},"
            + "'required':['b']}";
    accepts(
        schema, "{'b':''}", "{'a':1,'b':'x'}", "{'b':'x', 'c':[1]}", "{'a': -7, 'b':'','c':{}}");
    refuses(schema, "{}", "{'a':1}", "{'b':'','a':1}", "{'b':'','d':1}", "{'a':1.5,'b':''}");
    String open = "{'properties':{'name':{'const':1}},'additionalProperties':{'type':'boolean'}}";
    accepts(open, "{}", "{'name':1}", "{'name':1,'nam':true}", "{'names':true,'x':false}");
    refuses(open, "{'x':1}", "{'name':true}", "{'x':true,'name':true}");
    accepts("{'type':'object','minProperties':1,'maxProperties':2}", "{'a':1}", "{'a':1,'b':2}");
    refuses("{'type':'object','minProperties':1,'maxProperties':2}", "{}", "{'a':1,'b':2,'c':3}");
  }

  @Test
  void arraysHaveTheirItems() {
    accepts(
        "{'type':'array','items':{'enum':['a',2,null]},'maxItems':2}", "[]", "['a', 2]", "[null]");
    refuses("{'type':'array','items':{'enum':['a',2,null]},'maxItems':2}", "['b']", "[2,2,2]");
    String tuple =
        "{'prefixItems':[{'type':'integer'},{'type':'string'}],'items':false,'minItems':1}";
    accepts(tuple, "[1]", "[1,'a']");
    refuses(tuple, "[]", "['a']", "[1,'a',2]");
    accepts("{'type':'array','minItems':1000,'items':{'const':1}}", "[" + "1,".repeat(999) + "1]");
    refuses("{'type':'array','minItems':1000,'items':{'const':1}}", "[" + "1,".repeat(998) + "1]");
  }

  @Test
  void numbersKeepTheirBounds() {
    for (int low = -12; low <= 12; low += 3) {
      for (int high = low; high <= 112; high += 17) {
        Grammar grammar =
            Grammar.jsonSchema(
                json("{'type':'integer','minimum':" + low + ",'maximum':" + high + "}"));
        Grammar decimals =
            Grammar.jsonSchema(
                json(
                    "{'type':'number','minimum':"
                        + low
                        + ",'exclusiveMaximum':"
                        + (high + 0.25)
                        + "}"));
        for (int i = -130; i <= 130; i++) {
          assertThat(grammar.matches(i + ""))
              .as(low + " " + i + " " + high)
              .isEqualTo(low <= i && i <= high);
          for (String part : List.of(".0", ".2", ".25", ".250", ".24999", ".3", ".9")) {
            double value = Double.parseDouble(i + part);
            assertThat(decimals.matches(i + part))
                .as(low + " <= " + i + part + " < " + high + ".25")
                .isEqualTo(low <= value && value < high + 0.25);
          }
        }
      }
    }
  }

  @Test
  void stringsKeepLengthPatternAndFormat() {
    accepts(
        "{'type':'string','minLength':2,'maxLength':300}",
        "'ab'",
        "'" + "é".repeat(300) + "'",
        "'\\n\\\"'");
    refuses("{'type':'string','minLength':2,'maxLength':300}", "'a'", "'" + "é".repeat(301) + "'");
    accepts("{'pattern':'b+$'}", "'ab'", "'xxbb'");
    refuses("{'pattern':'b+$'}", "'ba'", "''");
    accepts("{'type':'string','pattern':'^[^a]$'}", "'\\n'", "'\\\\'", "'x'");
    accepts("{'type':'string','format':'date'}", "'2024-02-29'", "'2000-02-29'", "'1999-12-31'");
    refuses("{'type':'string','format':'date'}", "'2023-02-29'", "'1900-02-29'", "'2024-04-31'");
    accepts("{'type':'string','format':'date-time'}", "'2024-02-29T23:59:00.5+01:00'");
    accepts("{'type':'string','format':'uuid'}", "'123e4567-e89b-12d3-a456-426614174000'");
    accepts("{'type':'string','format':'ipv4'}", "'192.168.0.255'");
    refuses("{'type':'string','format':'ipv4'}", "'192.168.0.256'");
    accepts("{'type':'string','format':'email'}", "'a.b@example.org'");
    accepts("{'type':'string','format':'duration'}", "'P1DT2H'", "'PT5M'");
    refuses("{'type':'string','format':'duration'}", "'P'", "'PT'");
  }

  @Test
  void schemasCombine() {
    accepts("{'anyOf':[{'type':'integer'},{'type':'null'}]}", "1", "null");
    accepts("{'type':['string','null']}", "'a'", "null");
    accepts("{'type':'string','nullable':true}", "'a'", "null");
    String both =
        "{'allOf':[{'type':'object','properties':{'a':{'type':'integer'}},'required':['a']},"
            + "{'properties':{'b':{'type':'string'},'a':{'maximum':5}},'required':['b']}]}";
    accepts(both, "{'a':5,'b':''}");
    refuses(both, "{'a':6,'b':''}", "{'a':1}");
    String tagged =
        "{'oneOf':[{'type':'object','properties':{'k':{'const':'x'}},'required':['k']},"
            + "{'type':'object','properties':{'k':{'const':'y'},'n':{'type':'integer'}},"
            + "'required':['k','n']}]}";
    accepts(tagged, "{'k':'x'}", "{'k':'y','n':1}");
    refuses(tagged, "{'k':'y'}", "{'k':'z'}");
    String tree =
        "{'$ref':'#/$defs/node','$defs':{'node':{'type':'object','properties':{'v':{'type':"
            + "'integer'},'next':{'anyOf':[{'$ref':'#/$defs/node'},{'type':'null'}]}},"
            + "'required':['v','next']}}}";
    accepts(tree, "{'v':1,'next':{'v':2,'next':null}}");
    refuses(tree, "{'v':1}");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      value = {
        "{'type':'object','properties':{'a':{'not':{}}}}~#/properties/a: keyword \"not\"",
        "{'type':'array','uniqueItems':true}~uniqueItems",
        "{'type':'string','format':'color'}~format is not supported",
        "{'type':'number','multipleOf':0.5}~multipleOf",
        "{'if':{},'then':{}}~\"if\"",
        "{'type':'object','patternProperties':{}}~patternProperties",
        "{'oneOf':[{'type':'string'},{'type':'string'}]}~may hold at once",
        "{'$ref':'https://example.org/x'}~$ref",
        "{'type':'text'}~type",
        "{'type':'string','pattern':'a','minLength':2}~minLength",
        "{'$ref':'#'}~never ends",
        "{'anyOf':[{'$ref':'#'},{'type':'null'}]}~left recursion",
        "{'type':'object','properties':{'a':{'$ref':'#'}},'required':['a']}~never ends",
        "{'type':'integer','minimum':5,'maximum':4}~minimum"
      })
  void whatIsNotHonouredIsAnErrorThatNamesIt(String schema, String said) {
    assertThatThrownBy(() -> Grammar.jsonSchema(json(schema)))
        .isInstanceOf(GrammarException.class)
        .hasMessageContaining(said);
  }
}
