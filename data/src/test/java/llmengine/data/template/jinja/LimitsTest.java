package llmengine.data.template.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import llmengine.data.DataException;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A template can neither run for ever, nor fill the memory, nor the stack, nor see anything. */
class LimitsTest {
  private static final Map<String, Object> VARIABLES =
      Map.of("messages", List.of(Map.of("role", "user", "content", "hi")), "x", "q");

  private static String render(String template) {
    return JinjaTemplate.parse("chat_template", template).render(VARIABLES);
  }

  @ParameterizedTest
  @Timeout(60)
  @ValueSource(
      strings = {
        "{{ 'a' * 10 ** 9 }}",
        "{{ 'aaaa' * 9 ** 99 }}",
        "{{ [1] * 10 ** 9 }}",
        "{{ 10 ** (10 ** 10) }}",
        "{{ 2 ** 99999999 }}",
        "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}"
            + "{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}"
            + "{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(300) %}{% set ns.s = [ns.s, ns.s] %}"
            + "{% endfor %}{{ ns.s }}",
        "{% set ns = namespace(s=[1], t=[1]) %}{% for i in range(150) %}"
            + "{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}"
            + "{{ ns.s == ns.t }}",
        "{% set ns = namespace(s=(1,)) %}{% for i in range(150) %}{% set ns.s = (ns.s, ns.s) %}"
            + "{% endfor %}{{ {ns.s: 1} }}",
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% for a in range(100000) %}{% for b in range(100000) %}xxxxxxxxxxxxxxx{% endfor %}"
            + "{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m() %}{% if true %}{% for i in [1] %}{{ [m()] | first }}{% endfor %}{% endif %}"
            + "{% endmacro %}{{ m() }}",
        "{% macro m() %}{{ caller() }}{% endmacro %}{% macro n() %}{% call m() %}{{ n() }}"
            + "{% endcall %}{% endmacro %}{{ n() }}",
        "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% set ns = namespace() %}{% set ns.ns = ns %}{{ ns }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '{:>999999999}'.format('x') ~ '{:>999999999}'.format('x') }}",
        "{{ 'x'.center(999999999) }}",
        "{{ ('a' * 30000000).replace('', 'bbbbbbbbbbbbbbbb') }}",
        "{{ ('a' * 30000000) | replace('a', 'bbbbbbbbbbbbbbbb') }}",
        "{% set s = 'a' * 3000000 %}{% for i in range(9999) %}{{ (s ~ 'b') in s }}{% endfor %}",
        "{{ range(10 ** 9) }}",
        "{% set ns = namespace(g=[1]) %}{% for i in range(99999) %}"
            + "{% set ns.g = ns.g | map('string') %}{% endfor %}{{ ns.g | list }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ {}.update({'a': 1}) }}",
        "{{ '{0.__class__.x}'.format('a') }}",
        "{% include '/etc/passwd' %}",
        "{% import 'x' as y %}"
      })
  void whatIsNotAllowedIsAnErrorOfOurs(String template) {
    assertThat(catchThrowable(() -> render(template)))
        .as(template)
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith("chat_template: line 1: ");
  }

  @Test
  void nestingOfTheSourceIsBounded() {
    for (String[] pair :
        new String[][] {
          {"(", ")"}, {"[", "]"}, {"{1:", "}"}, {"-", ""}, {"not ", ""}, {"1 if 1 else ", ""},
          {"f(", ")"}, {"1 ~ (", ")"}, {"x[", "]"}, {"1 + ", ""}, {"1 ** ", ""}, {"1 and ", ""}
        }) {
      String deep = "{{ " + pair[0].repeat(20_000) + "1" + pair[1].repeat(20_000) + " }}";
      assertThat(catchThrowable(() -> render(deep))).as(pair[0]).isInstanceOf(DataException.class);
    }
    String blocks = "{% if 1 %}".repeat(5_000) + "{% endif %}".repeat(5_000);
    assertThat(catchThrowable(() -> render(blocks))).isInstanceOf(DataException.class);
    assertThat(catchThrowable(() -> render("{% set " + "(".repeat(20_000))))
        .isInstanceOf(DataException.class);
    assertThat(catchThrowable(() -> render("{{ x" + " | upper".repeat(20_000) + " }}")))
        .isInstanceOf(DataException.class);
    assertThat(catchThrowable(() -> render("{{ x" + ".a".repeat(20_000) + " }}")))
        .isInstanceOf(DataException.class);
  }

  @Test
  void variablesNestedDeepAreRefused() {
    List<Object> deep = new ArrayList<>();
    for (int i = 0; i < 10_000; i++) {
      deep = new ArrayList<>(List.of(deep));
    }
    Map<String, Object> variables = Map.of("deep", deep);
    JinjaTemplate template = JinjaTemplate.parse("chat_template", "{{ deep }}");
    assertThat(catchThrowable(() -> template.render(variables))).isInstanceOf(DataException.class);
  }

  @Test
  void whatHasNoOrderSortsAllTheSame() {
    String list =
        "{% set nan = 'nan' | float %}{% set ns = namespace(l=[]) %}{% for i in range(400) %}"
            + "{% set ns.l = ns.l + [[i * 7919 % 401 if i % 3 else nan]] %}{% endfor %}";
    assertThat(render(list + "{{ ns.l | sort | length }} {{ (ns.l | sort)[0] }}"))
        .isEqualTo("400 [1]");
    assertThat(render(list + "{{ ns.l | sort(attribute=0) | length }}")).isEqualTo("400");
    assertThat(render(list + "{{ ns.l | groupby(0) | length > 200 }}")).isEqualTo("True");
    assertThat(
            render(
                "{{ 2 ** 53 + 1 == 2.0 ** 53 }} {{ 2 ** 53 + 1 > 2.0 ** 53 }} {{ 1 == 1.0 }}"
                    + " {{ 2 < 'inf' | float }} {{ '-inf' | float < -2 ** 70 }}"
                    + " {{ 'nan' | float == 'nan' | float }}"))
        .isEqualTo("False True True True True False");
  }

  @Test
  void aSmallStackIsEnough() throws InterruptedException {
    List<Throwable> failures = new ArrayList<>();
    Thread thread =
        new Thread(
            null,
            () -> {
              for (String template :
                  List.of(
                      "{% macro m() %}{{ [[m()]] | first | first }}{% endmacro %}{{ m() }}",
                      "{{ " + "(".repeat(60) + "1" + ")".repeat(60) + " }}",
                      "{{ " + "(".repeat(900) + "1" + ")".repeat(900) + " }}")) {
                Throwable failure = catchThrowable(() -> render(template));
                if (failure != null && !(failure instanceof DataException)) {
                  failures.add(failure);
                }
              }
            },
            "small stack",
            1 << 19);
    thread.start();
    thread.join();
    assertThat(failures).isEmpty();
  }

  @Test
  void longConversationsAreWithinTheBounds() {
    List<Object> messages = new ArrayList<>();
    for (int i = 0; i < 5_000; i++) {
      messages.add(
          Map.of("role", i % 2 == 0 ? "user" : "assistant", "content", "word ".repeat(60)));
    }
    Map<String, Object> variables = Map.of("messages", messages);
    String template =
        "{% set ns = namespace(last=0) %}{% for m in messages %}{% if m.role == 'user' %}"
            + "{% set ns.last = loop.index0 %}{% endif %}{% endfor %}{% for m in messages %}"
            + "{% set c = m.content.split('</think>')[-1].lstrip('\\n') %}"
            + "{{ '<|im_start|>' + m.role + '\\n' + (c | trim) + '<|im_end|>\\n' }}{% endfor %}";
    assertThat(JinjaTemplate.parse("chat_template", template).render(variables).length())
        .isGreaterThan(1_500_000);
  }

  /** Damaged templates: parts of good ones taken out, doubled, exchanged. */
  @RepeatedTest(20)
  void damagedTemplatesFailWithOurException() {
    damaged(new Random(seed++), 200);
  }

  @Tag("fuzz")
  @RepeatedTest(50)
  @Timeout(600)
  void manyDamagedTemplatesFailWithOurException() {
    damaged(new Random(1_000_000 + seed++), 20_000);
  }

  private static long seed;

  private static final String[] PIECES = {
    "{% for m in messages %}",
    "{% endfor %}",
    "{% if x %}",
    "{% else %}",
    "{% elif 1 %}",
    "{% endif %}",
    "{% set a = ",
    " %}",
    "{% set b %}",
    "{% endset %}",
    "{{ ",
    " }}",
    "{{- ",
    " -}}",
    "{%- ",
    " -%}",
    "{# ",
    " #}",
    "m.role",
    "m['content']",
    "x",
    "messages",
    "loop.index",
    "loop(messages)",
    " | upper",
    " | tojson",
    " | map('string')",
    " | list",
    " | join(',')",
    " | selectattr('role', 'eq', 'user')",
    " | default('d')",
    " | sort",
    " | int",
    " | round(1)",
    " | batch(2)",
    " | slice(3)",
    " | indent(2)",
    " is defined",
    " is string",
    " is in [1]",
    " + ",
    " - ",
    " * ",
    " // ",
    " % ",
    " ** ",
    " ~ ",
    " == ",
    " < ",
    " in ",
    " not ",
    " and ",
    "(",
    ")",
    "[",
    "]",
    "[::-1]",
    "[1:]",
    "[-1]",
    "{'a': 1}",
    "'text'",
    "\"q\"",
    "1",
    "2.5",
    "none",
    "true",
    ", ",
    ".upper()",
    ".split()",
    ".items()",
    ".format(1)",
    "'%s %d'",
    "'{:>9}{}'",
    "{% macro f(a, b=1) %}",
    "{% endmacro %}",
    "f(1)",
    "{% call f(1) %}",
    "{% endcall %}",
    "caller()",
    "varargs",
    "{% filter trim %}",
    "{% endfilter %}",
    "{% with q = 1 %}",
    "{% endwith %}",
    "{% raw %}",
    "{% endraw %}",
    "{% break %}",
    "{% continue %}",
    "namespace(a=1)",
    "range(3)",
    "dict(a=1)",
    "strftime_now('%Y %q')",
    "raise_exception('e')",
    "\n",
    "  ",
    "é🙂",
    "\\",
    "'",
    "0x",
    "1_0",
    "999999999999999999999",
    "-",
    "recursive",
    " if ",
    " else ",
    "*x",
    "**x"
  };

  private static void damaged(Random random, int count) {
    for (int i = 0; i < count; i++) {
      StringBuilder template = new StringBuilder();
      int pieces = 1 + random.nextInt(14);
      for (int p = 0; p < pieces; p++) {
        template.append(PIECES[random.nextInt(PIECES.length)]);
      }
      if (random.nextInt(3) == 0 && !template.isEmpty()) {
        template.setCharAt(random.nextInt(template.length()), (char) random.nextInt(0x3000));
      }
      boolean wrapped = random.nextInt(2) == 0;
      String text = wrapped ? "{{ " + template + " }}" : template.toString();
      assertThatCode(
              () -> {
                try {
                  JinjaTemplate.parse("chat_template", text).render(new HashMap<>(VARIABLES));
                } catch (DataException expected) {
                  assertThat(expected).hasMessageStartingWith("chat_template: ");
                }
              })
          .as(text)
          .doesNotThrowAnyException();
    }
  }
}
