package llmengine.train.config;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.ListIterator;
import java.util.Locale;
import java.util.Map;

/**
 * The words after a command: a configuration file first, if any, then {@code key=value}, {@code
 * --key value}, {@code --key=value}, {@code --flag} and {@code --no-flag}, each replacing what came
 * before. A dot in a key reaches into a mapping: {@code lr_scheduler_kwargs.min_lr=1e-6}.
 */
final class CommandLine {

  static final String WHERE = "command line";

  private final Map<String, Setting> settings = new LinkedHashMap<>();
  private final List<String> problems;

  private CommandLine(List<String> problems) {
    this.problems = problems;
  }

  /** The settings that the words give; what cannot be read is added to {@code problems}. */
  static Map<String, Setting> settings(List<String> words, List<String> problems) {
    CommandLine line = new CommandLine(problems);
    ListIterator<String> rest = words.listIterator();
    while (rest.hasNext()) {
      String word = rest.next();
      if (word.startsWith("--") && word.length() > 2) {
        line.flag(word.substring(2), rest);
      } else if (rest.nextIndex() == 1 && !word.startsWith("-") && isFile(word)) {
        line.file(Path.of(word));
      } else if (word.indexOf('=') > 0 && !word.startsWith("-")) {
        int equals = word.indexOf('=');
        line.put(word.substring(0, equals), word.substring(equals + 1));
      } else {
        boolean isFirst = rest.nextIndex() == 1;
        problems.add(
            WHERE
                + ": word without meaning: expected "
                + (isFirst ? "a .yaml, .yml or .json file, " : "")
                + "key=value or --key value, got \""
                + word
                + "\". "
                + (!isFirst && isFile(word) ? "A file must come first." : "Remove or correct it."));
      }
    }
    return line.settings;
  }

  static boolean startsWithFile(List<String> words) {
    return !words.isEmpty() && !words.getFirst().startsWith("-") && isFile(words.getFirst());
  }

  private static boolean isFile(String word) {
    String name = word.toLowerCase(Locale.ROOT);
    return name.endsWith(".yaml") || name.endsWith(".yml") || name.endsWith(".json");
  }

  private void file(Path file) {
    try {
      settings.putAll(
          file.toString().toLowerCase(Locale.ROOT).endsWith(".json")
              ? JsonFile.read(file, problems)
              : YamlFile.read(file, problems));
    } catch (NoSuchFileException e) {
      problems.add(
          file
              + ": no such file: expected a configuration, got nothing in "
              + file.toAbsolutePath().getParent()
              + ". Correct the path.");
    } catch (AccessDeniedException e) {
      problems.add(file + ": not readable: expected permission, got none. Change its mode.");
    } catch (IOException e) {
      String what = Files.isDirectory(file) ? "a folder" : e.toString();
      problems.add(
          file + ": not readable: expected a text file in UTF-8, got " + what + ". Correct it.");
    }
  }

  /** {@code --key=value}; {@code --key value}; {@code --key} alone means true. */
  private void flag(String text, ListIterator<String> rest) {
    int equals = text.indexOf('=');
    if (equals > 0) {
      put(text.substring(0, equals), text.substring(equals + 1));
      return;
    }
    String key = text.replace('-', '_');
    KeySpec spec = Keys.SUPPORTED.get(key);
    boolean isNo = key.startsWith("no_") && Keys.SUPPORTED.containsKey(key.substring(3));
    if (isNo && Keys.SUPPORTED.get(key.substring(3)).isBoolean()) {
      put(key.substring(3), "false");
      return;
    }
    if (rest.hasNext()) {
      String next = rest.next();
      boolean isBoolean = spec != null && spec.isBoolean();
      boolean isValue =
          isBoolean
              ? Text.truth(next).isPresent() || next.equalsIgnoreCase("null")
              : !next.startsWith("--");
      if (isValue) {
        put(key, next);
        return;
      }
      rest.previous();
    }
    put(key, "true");
  }

  private void put(String writtenKey, String text) {
    String key = writtenKey.replace('-', '_');
    Value value = new Value.Scalar(text, false);
    int dot = key.indexOf('.');
    if (dot <= 0) {
      settings.put(key, new Setting(key, value, WHERE));
      return;
    }
    String base = key.substring(0, dot);
    LinkedHashMap<String, Value> entries = new LinkedHashMap<>();
    if (settings.get(base) instanceof Setting s
        && s.value() instanceof Value.Mapping(var earlier)) {
      entries.putAll(earlier);
    }
    nest(entries, List.of(key.substring(dot + 1).split("\\.")).iterator(), value);
    settings.put(base, new Setting(base, new Value.Mapping(entries), WHERE));
  }

  private static void nest(
      LinkedHashMap<String, Value> entries, Iterator<String> path, Value value) {
    String key = path.next();
    if (!path.hasNext()) {
      entries.put(key, value);
      return;
    }
    LinkedHashMap<String, Value> inner = new LinkedHashMap<>();
    if (entries.get(key) instanceof Value.Mapping(var earlier)) {
      inner.putAll(earlier);
    }
    nest(inner, path, value);
    entries.put(key, new Value.Mapping(inner));
  }
}
