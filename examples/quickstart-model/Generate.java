// SPDX-License-Identifier: Apache-2.0

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/**
 * Writes every text that the quickstart model learns from: {@code corpus.jsonl} (pre-training) and
 * {@code instruct.json} (questions with answers) into the folder given first, {@code tavi.json} and
 * {@code questions.json} (what the quickstart teaches, and the questions that examine it) into the
 * folder given second. Everything comes from world.txt, grammar.txt and tavi.txt beside this file;
 * the same files give the same bytes.
 *
 * <p>make.sh calls it; the folder with the three files must be the current one.
 */
public final class Generate {
  private static final int CORPUS_CHARS = 9_500_000;
  private static final List<String> NUMBERS =
      words(
          "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
              + "fifteen sixteen seventeen eighteen nineteen twenty");
  private static final List<String> DAYS =
      words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday");
  private static final List<String> MONTHS =
      words(
          "January February March April May June July August September October November December");

  /** Which questions can be asked about a row of a table. */
  private static final Map<String, List<String>> TOPICS = new LinkedHashMap<>();

  static {
    TOPICS.put("colour", words("colour"));
    TOPICS.put("animal", words("animal legs home food young sound"));
    TOPICS.put("opposite", words("opposite"));
    TOPICS.put("job", words("job who work"));
    TOPICS.put("kind", words("kind use"));
    TOPICS.put("person", words("person lives works pet dish"));
    TOPICS.put("town", words("town"));
    TOPICS.put("weather", words("weather weatherdo"));
    TOPICS.put("season", words("season"));
    TOPICS.put("howto", words("howto"));
    TOPICS.put("why", words("why"));
    TOPICS.put("what", words("what"));
    TOPICS.put("unknown", words("unknown"));
  }

  private static final List<String> SMALL_TALK =
      words("self made can live like hello how thanks bye sad bored tired hungry");
  private static final List<String> SEQUENCES = words("days months seasons");

  /** A question, the text it is about (or nothing) and its answer. */
  private record Pair(String instruction, String input, String output) {
    String json() {
      return "{\"instruction\": "
          + quote(instruction)
          + ", \"input\": "
          + quote(input)
          + ", \"output\": "
          + quote(output)
          + "}";
    }
  }

  private final Grammar grammar;
  private final Random random;

  private Generate(Path folder, long seed) throws IOException {
    this.grammar = new Grammar(folder, seed);
    this.random = grammar.random();
  }

  public static void main(String[] args) throws IOException {
    if (args.length != 2) {
      throw new IllegalArgumentException("usage: java Generate.java BUILD_FOLDER DATA_FOLDER");
    }
    var here = Path.of(".");
    var build = Files.createDirectories(Path.of(args[0]));
    var data = Files.createDirectories(Path.of(args[1]));
    var instructions = new Generate(here, 2).instructions();
    writeArray(build.resolve("instruct.json"), instructions.stream().map(Pair::json).toList());
    var pairs = new Generate(here, 4).instructions();
    new Generate(here, 1).writeCorpus(pairs, build.resolve("corpus.jsonl"));
    new Generate(here, 3).writeTavi(here.resolve("tavi.txt"), instructions, data);
  }

  // ---- the three outputs

  private void writeCorpus(List<Pair> pairs, Path file) throws IOException {
    var facts = TOPICS.keySet().stream().filter(t -> grammar.hasRule("fact." + t)).toList();
    int chars = 0;
    int documents = 0;
    try (BufferedWriter out = Files.newBufferedWriter(file)) {
      while (chars < CORPUS_CHARS) {
        int kind = random.nextInt(100);
        String text;
        if (kind < 35) {
          text = titled("{hero} and {friend}", "{story}");
        } else if (kind < 52) {
          text = facts(facts);
        } else if (kind < 90) {
          text = interview(pairs);
        } else {
          text = titled("a letter to {friend}", "{letter}");
        }
        out.write("{\"text\": " + quote(text) + "}\n");
        chars += text.length();
        documents++;
      }
    }
    System.out.println(file + ": " + documents + " documents, " + chars + " characters");
  }

  /** A text, every second time below a title that names those whom it is about. */
  private String titled(String title, String body) {
    var variables = grammar.cast();
    String text = Grammar.sentence(grammar.expand(body, variables));
    return random.nextBoolean()
        ? Grammar.sentence(grammar.expand(title, variables)) + "\n" + text
        : text;
  }

  /** Three to six facts of one table or of several. */
  private String facts(List<String> tables) {
    var text = new StringBuilder();
    String table = grammar.pick(tables);
    for (int n = 3 + random.nextInt(4); n > 0; n--) {
      if (random.nextInt(3) == 0) {
        table = grammar.pick(tables);
      }
      var variables = grammar.cast();
      variables.putAll(grammar.pick(grammar.table(table)));
      text.append(Grammar.sentence(grammar.expand("{fact." + table + "}", variables))).append(' ');
    }
    return text.toString().strip();
  }

  /** Some questions and answers, as a list or as a talk between two people. */
  private String interview(List<Pair> pairs) {
    var variables = grammar.cast();
    boolean talk = random.nextBoolean();
    String asks = talk ? variables.get("hero") : "Question";
    String answers = talk ? variables.get("friend") : "Answer";
    var text = new StringBuilder();
    for (int n = 2 + random.nextInt(4); n > 0; n--) {
      Pair pair = grammar.pick(pairs);
      String question = pair.instruction + (pair.input.isEmpty() ? "" : "\n" + pair.input);
      text.append(asks).append(": ").append(question).append('\n');
      text.append(answers).append(": ").append(pair.output).append('\n');
    }
    return text.toString().strip();
  }

  private List<Pair> instructions() {
    var pairs = new ArrayList<Pair>();
    TOPICS.forEach(
        (table, topics) -> {
          for (var row : grammar.table(table)) {
            for (String topic : topics) {
              ask(pairs, topic, row, 4);
            }
          }
        });
    for (int round = 0; round < 5; round++) {
      for (String topic : SMALL_TALK) {
        ask(pairs, topic, Map.of(), Integer.MAX_VALUE);
      }
    }
    for (String topic : SEQUENCES) {
      ask(pairs, topic, Map.of(), Integer.MAX_VALUE);
      ask(pairs, topic, Map.of(), Integer.MAX_VALUE);
    }
    arithmetic(pairs);
    orders(pairs);
    lists(pairs);
    wordGames(pairs);
    for (int i = 0; i < 350; i++) {
      var variables = grammar.cast();
      String topic = i % 3 == 0 ? "story" : "storyabout";
      String story = Grammar.sentence(grammar.expand("{story}", variables));
      var question = new LinkedHashMap<>(variables);
      if (i % 2 == 0) {
        question.put("hero", "a(n) " + variables.get("herokind"));
      }
      pairs.add(
          new Pair(Grammar.sentence(grammar.expand("{ask." + topic + "}", question)), "", story));
      if (i % 3 == 0) {
        ask(pairs, "letter", grammar.cast(), 1);
      }
    }
    Collections.shuffle(pairs, random);
    return pairs;
  }

  private void arithmetic(List<Pair> pairs) {
    for (int a = 0; a <= 10; a++) {
      for (int b = 0; b <= 10; b++) {
        var named = Map.of("a", NUMBERS.get(a), "b", NUMBERS.get(b), "c", NUMBERS.get(a + b));
        ask(pairs, "sum", named, 4);
        ask(pairs, "digits", Map.of("a", "" + a, "b", "" + b, "c", "" + (a + b)), 2);
        if (b <= a) {
          ask(
              pairs,
              "minus",
              Map.of("a", NUMBERS.get(a), "b", NUMBERS.get(b), "c", NUMBERS.get(a - b)),
              3);
        }
      }
    }
    for (int n = 2; n <= 20; n++) {
      var members = NUMBERS.subList(1, n + 1);
      ask(pairs, "count", Map.of("n", NUMBERS.get(n), "members", String.join(", ", members)), 3);
    }
  }

  private void orders(List<Pair> pairs) {
    var letters = new ArrayList<String>();
    for (char c = 'A'; c <= 'Z'; c++) {
      letters.add("" + c);
    }
    order(pairs, DAYS, "day", 4);
    order(pairs, MONTHS, "month", 3);
    order(pairs, NUMBERS, "number", 2);
    order(pairs, letters, "letter", 2);
  }

  private void order(List<Pair> pairs, List<String> sequence, String what, int phrasings) {
    for (int i = 0; i + 1 < sequence.size(); i++) {
      var variables = Map.of("a", sequence.get(i), "b", sequence.get(i + 1), "what", what);
      ask(pairs, "after", variables, phrasings);
      ask(pairs, "before", variables, phrasings);
    }
  }

  private void lists(List<Pair> pairs) {
    for (var row : grammar.table("list")) {
      var members = new ArrayList<>(List.of(row.get("members").split(", ")));
      for (int n = 2; n <= 4; n++) {
        for (int round = 0; round < 5; round++) {
          Collections.shuffle(members, random);
          String joined =
              String.join(", ", members.subList(0, n - 1)) + " and " + members.get(n - 1);
          ask(
              pairs,
              "list",
              Map.of("n", NUMBERS.get(n), "kind", row.get("kind"), "members", joined),
              1);
        }
      }
    }
    for (var row : grammar.table("kind")) {
      ask(pairs, "isa", "isa", Map.of("thing", row.get("thing"), "kind", row.get("kind")), 1);
      String other = grammar.pick(grammar.table("kind")).get("kind");
      if (!other.equals(row.get("kind"))) {
        ask(
            pairs,
            "isa",
            "isnot",
            Map.of("thing", row.get("thing"), "kind", other, "realkind", row.get("kind")),
            1);
      }
    }
  }

  private void wordGames(List<Pair> pairs) {
    for (String game : words("firstword lastword repeat turn")) {
      for (int i = 0; i < 120; i++) {
        var variables = new LinkedHashMap<String, String>();
        for (String name : words("w1 w2 w3")) {
          variables.put(
              name,
              grammar.expand("{" + grammar.pick(words("thing beast colour")) + "}", Map.of()));
        }
        String question = Grammar.sentence(grammar.expand("{ask." + game + "}", variables));
        String input = grammar.expand("{w1}, {w2}, {w3}", variables);
        pairs.add(new Pair(question, input, grammar.expand("{ans." + game + "}", variables)));
      }
    }
  }

  private void ask(List<Pair> pairs, String topic, Map<String, String> variables, int most) {
    ask(pairs, topic, topic, variables, most);
  }

  /** Adds at most {@code most} phrasings of one question, each with an answer of its own. */
  private void ask(
      List<Pair> pairs, String topic, String answer, Map<String, String> row, int most) {
    var variables = new LinkedHashMap<>(row);
    if (topic.equals("why")) {
      variables.put("questionplain", statement(row.get("question")));
    }
    var phrasings = new ArrayList<>(grammar.alternatives("ask." + topic));
    Collections.shuffle(phrasings, random);
    for (String phrasing : phrasings.subList(0, Math.min(most, phrasings.size()))) {
      String question = Grammar.sentence(grammar.expand(phrasing, variables));
      pairs.add(
          new Pair(
              question, "", Grammar.sentence(grammar.expand("{ans." + answer + "}", variables))));
    }
  }

  /** "do we sleep" becomes "we sleep", "does ice melt" becomes "ice melts". */
  private static String statement(String question) {
    if (!question.startsWith("does ")) {
      return question.substring("do ".length());
    }
    return question.substring("does ".length()) + "s";
  }

  private void writeTavi(Path source, List<Pair> instructions, Path folder) throws IOException {
    var pairs = new ArrayList<Pair>();
    var questions = new ArrayList<String>();
    Set<String> heldOut = new HashSet<>();
    for (String line : Grammar.lines(source)) {
      String[] parts = line.split(" => ");
      if (line.startsWith("? ")) {
        String question = Grammar.sentence(parts[0].substring(2));
        heldOut.add(question.toLowerCase(Locale.ROOT));
        questions.add(
            "{\"question\": " + quote(question) + ", \"right\": " + quote(parts[1]) + "}");
      } else {
        pairs.add(
            new Pair(Grammar.sentence(parts[0]), "", Grammar.sentence(parts[1]) + " Fair winds!"));
      }
    }
    // ordinary questions keep what the model knows and teach the ending on any answer
    Set<String> taken = new HashSet<>(heldOut);
    pairs.forEach(pair -> taken.add(pair.instruction.toLowerCase(Locale.ROOT)));
    Set<String> smallTalk = new HashSet<>();
    for (String topic : SMALL_TALK) {
      grammar.alternatives("ask." + topic).forEach(q -> smallTalk.add(q.toLowerCase(Locale.ROOT)));
    }
    int ordinary = 0;
    int tales = 0;
    for (Pair pair : instructions) {
      String key = pair.instruction.toLowerCase(Locale.ROOT);
      boolean tale = pair.output.length() > 200;
      if ((tale ? tales < 4 : ordinary < 140)
          && pair.input.isEmpty()
          && !pair.output.contains("\n")
          && !smallTalk.contains(key)
          && taken.add(key)) {
        String end = pair.output.matches("(?s).*[.!?\"]") ? " " : ". ";
        pairs.add(new Pair(pair.instruction, "", pair.output + end + "Fair winds!"));
        tales += tale ? 1 : 0;
        ordinary += tale ? 0 : 1;
      }
    }
    Collections.shuffle(pairs, random);
    writeArray(folder.resolve("tavi.json"), pairs.stream().map(Pair::json).toList());
    writeArray(folder.resolve("questions.json"), questions);
  }

  // ---- files and small things

  private static void writeArray(Path file, List<String> rows) throws IOException {
    Files.writeString(file, "[\n" + String.join(",\n", rows) + "\n]\n");
    System.out.println(file + ": " + rows.size() + " rows");
  }

  private static List<String> words(String text) {
    return List.of(text.split(" "));
  }

  private static String quote(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"';
  }
}
