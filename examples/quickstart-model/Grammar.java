// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The tables of world.txt and the rules of grammar.txt, with the random numbers that expand them.
 */
final class Grammar {
  private static final Pattern SLOT = Pattern.compile("\\{(?:(\\w+)=)?([\\w.]+)\\}");
  private static final Pattern ARTICLE = Pattern.compile("a\\(n\\) (\\w)");

  private final Map<String, List<Map<String, String>>> world;
  private final Map<String, List<String>> rules;
  private final Random random;

  Grammar(Path folder, long seed) throws IOException {
    this.world = readWorld(folder.resolve("world.txt"));
    this.rules = readRules(folder.resolve("grammar.txt"));
    this.random = new Random(seed);
  }

  Random random() {
    return random;
  }

  /** The rows of a table, each from column to cell. */
  List<Map<String, String>> table(String name) {
    return world.get(name);
  }

  boolean hasRule(String name) {
    return rules.containsKey(name);
  }

  List<String> alternatives(String rule) {
    return rules.get(rule);
  }

  <T> T pick(List<T> from) {
    return from.get(random.nextInt(from.size()));
  }

  /** A hero and a friend who is somebody else, with their pronouns. */
  Map<String, String> cast() {
    var variables = new LinkedHashMap<>(pick(table("hero")));
    Map<String, String> friend;
    do {
      friend = pick(table("hero"));
    } while (friend.get("hero").equals(variables.get("hero")));
    variables.put("friend", friend.get("hero"));
    variables.put("fhe", friend.get("he"));
    variables.put("fhim", friend.get("him"));
    return variables;
  }

  /** Replaces every {slot} by the value of a variable or else by an expansion of the rule. */
  String expand(String text, Map<String, String> row) {
    return expandInto(text, new LinkedHashMap<>(row));
  }

  private String expandInto(String text, Map<String, String> variables) {
    Matcher slot = SLOT.matcher(text);
    var out = new StringBuilder();
    int from = 0;
    while (slot.find()) {
      out.append(text, from, slot.start());
      from = slot.end();
      String value = variables.get(slot.group(2));
      if (value == null) {
        List<String> alternatives = rules.get(slot.group(2));
        if (alternatives == null) {
          throw new IllegalStateException(
              "grammar.txt: no rule or variable \"" + slot.group(2) + "\" for \"" + text + "\"");
        }
        value = expandInto(pick(alternatives), variables);
      } else if (value.contains("{")) {
        value = expandInto(value, variables);
      }
      if (slot.group(1) != null) {
        variables.put(slot.group(1), value);
      }
      out.append(value);
    }
    return out.append(text, from, text.length()).toString();
  }

  /** Settles "a(n)" and "\n" and puts capitals where sentences begin. */
  static String sentence(String raw) {
    String text =
        ARTICLE
            .matcher(raw.strip().replace("\\n", "\n"))
            .replaceAll(m -> ("aeiou".contains(m.group(1)) ? "an " : "a ") + m.group(1));
    var out = new StringBuilder(text);
    boolean capital = true;
    boolean quoted = false;
    for (int i = 0; i < out.length(); i++) {
      char c = out.charAt(i);
      if (c == '"') {
        quoted = !quoted;
        // after a closed quote goes on who said it, or a new sentence
        capital = quoted || (capital && !text.startsWith(" ", i + 1)) || newSentence(text, i + 1);
      } else if (c == '.' || c == '!' || c == '?' || c == '\n') {
        capital = true;
      } else if (Character.isLetterOrDigit(c)) {
        if (capital) {
          out.setCharAt(i, Character.toUpperCase(c));
        }
        capital = false;
      }
    }
    return out.toString();
  }

  private static boolean newSentence(String text, int from) {
    return text.charAt(Math.max(0, from - 2)) != ','
        && !text.substring(from).matches("(?s) (said|asked|called|whispered|went) .*");
  }

  private static Map<String, List<Map<String, String>>> readWorld(Path file) throws IOException {
    var tables = new LinkedHashMap<String, List<Map<String, String>>>();
    List<Map<String, String>> table = List.of();
    String[] columns = {};
    for (String line : lines(file)) {
      if (line.startsWith("@")) {
        String[] head = line.substring(1).split(" ", 2);
        columns = head[1].split("\\|");
        table = new ArrayList<>();
        tables.put(head[0], table);
        continue;
      }
      String[] cells = line.split("\\|");
      if (cells.length != columns.length) {
        throw new IllegalStateException(
            file + ": expected " + Arrays.toString(columns) + ", got \"" + line + "\"");
      }
      var row = new LinkedHashMap<String, String>();
      for (int i = 0; i < cells.length; i++) {
        row.put(columns[i], cells[i]);
      }
      table.add(row);
    }
    return tables;
  }

  private static Map<String, List<String>> readRules(Path file) throws IOException {
    var rules = new LinkedHashMap<String, List<String>>();
    List<String> rule = List.of();
    for (String line : lines(file)) {
      if (line.startsWith("  ")) {
        rule.add(line.strip());
      } else {
        rule = new ArrayList<>();
        rules.put(line.strip(), rule);
      }
    }
    return rules;
  }

  /** The lines of a file that are neither blank nor a comment. */
  static List<String> lines(Path file) throws IOException {
    return Files.readAllLines(file).stream()
        .filter(line -> !line.isBlank() && !line.startsWith("#"))
        .toList();
  }
}
