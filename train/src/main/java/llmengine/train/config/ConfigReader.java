package llmengine.train.config;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import llmengine.train.config.RunConfig.Command;

/** Makes a {@link RunConfig} of words: knows every key, types every value, applies every rule. */
final class ConfigReader {

  private final Command command;
  private final String source; // where keys would have been that were not given
  private final Map<String, Setting> settings;
  private final List<String> problems;
  private final Map<String, Object> values = new HashMap<>();
  private final Set<String> broken = new LinkedHashSet<>();
  private final Set<String> withoutMeaning = new LinkedHashSet<>();

  private ConfigReader(
      Command command, String source, Map<String, Setting> settings, List<String> problems) {
    this.command = command;
    this.source = source;
    this.settings = settings;
    this.problems = problems;
  }

  static RunConfig read(Command command, List<String> words) {
    List<String> problems = new ArrayList<>();
    Map<String, Setting> settings = CommandLine.settings(words, problems);
    if (settings.isEmpty() && !problems.isEmpty()) {
      throw new ConfigException(problems); // the file could not be read: nothing to check
    }
    String source = CommandLine.startsWithFile(words) ? words.getFirst() : CommandLine.WHERE;
    return new ConfigReader(command, source, settings, problems).config();
  }

  private RunConfig config() {
    settings.values().forEach(this::take);
    for (KeySpec spec : Keys.SUPPORTED.values()) {
      if (spec.key().required() && !values.containsKey(spec.name())) {
        if (broken.add(spec.name())) {
          problems.add(
              source
                  + " "
                  + spec.name()
                  + ": missing: expected "
                  + spec.expected()
                  + ", got nothing. Every command needs it: add "
                  + spec.name()
                  + ": ...");
        }
        values.put(spec.name(), "");
      }
    }
    List<String> notes = new ArrayList<>();
    if (!withoutMeaning.isEmpty()) {
      notes.add(
          "without meaning here (docs/config.md says why): " + String.join(", ", withoutMeaning));
    }
    RunConfig config = assemble(notes);
    for (Rules.Finding finding : Rules.apply(config, broken)) {
      (finding.isError() ? problems : notes).add(line(finding));
    }
    if (!problems.isEmpty()) {
      throw new ConfigException(problems);
    }
    return assemble(List.copyOf(notes));
  }

  /** The finding where the first of its keys was given, and what was given for all of them. */
  private String line(Rules.Finding finding) {
    List<Setting> given =
        finding.keys().stream().filter(settings::containsKey).map(settings::get).toList();
    String where = given.isEmpty() ? source : given.getFirst().where();
    String values =
        given.stream()
            .map(s -> s.key() + ": " + abridged(s.value().show()) + " (" + s.where() + ")")
            .collect(Collectors.joining(", "));
    return where
        + " "
        + (given.isEmpty() ? finding.keys().getFirst() : given.getFirst().key())
        + ": "
        + finding.message()
        + (given.size() < 2 ? "" : " Given: " + values + ".");
  }

  private RunConfig assemble(List<String> notes) {
    return new RunConfig(
        command,
        Keys.record(ModelArguments.class, values),
        Keys.record(VocabularyArguments.class, values),
        Keys.record(QuantizationArguments.class, values),
        Keys.record(DataArguments.class, values),
        Keys.record(FinetuningArguments.class, values),
        Keys.record(LoraArguments.class, values),
        Keys.record(OftArguments.class, values),
        Keys.record(FreezeArguments.class, values),
        Keys.record(PreferenceArguments.class, values),
        Keys.record(PpoArguments.class, values),
        Keys.record(TokenLossArguments.class, values),
        Keys.record(GeneratingArguments.class, values),
        Keys.record(ExportArguments.class, values),
        Keys.record(EngineArguments.class, values),
        Keys.record(ServeArguments.class, values),
        Keys.record(TrainingArguments.class, values),
        Keys.record(OptimizerArguments.class, values),
        Keys.record(GaloreArguments.class, values),
        Keys.record(ApolloArguments.class, values),
        Keys.record(BadamArguments.class, values),
        Keys.record(EvaluationArguments.class, values),
        Keys.record(CheckpointArguments.class, values),
        Keys.record(LoggingArguments.class, values),
        Keys.record(ProfilerArguments.class, values),
        notes,
        java.util.Collections.unmodifiableSet(new LinkedHashSet<>(settings.keySet())));
  }

  private void take(Setting setting) {
    String key = setting.key();
    if (command != Command.TRAIN && Keys.isTrainingOnly(key)) {
      problem(
          setting,
          "belongs to train",
          "a key of " + (command == Command.EXPORT ? "export" : "chat"),
          key,
          "Remove it here, or run train.");
    } else if (Keys.SUPPORTED.containsKey(key)) {
      supported(setting, Keys.SUPPORTED.get(key));
    } else if (NoMeaningKeys.byName().containsKey(key)) {
      withoutMeaning.add(key);
    } else if (LaterKeys.byName().containsKey(key)) {
      LaterKeys.Later later = LaterKeys.byName().get(key);
      if (!later.isDefault(setting.value())) {
        problem(
            setting,
            "not supported yet (" + later.feature() + ")",
            "the default " + later.preset(),
            isSecret(key) ? "a secret" : setting.value().show(),
            "Remove it.");
      }
    } else if (Keys.DERIVED.containsKey(key)) {
      problem(
          setting,
          "not a key: it follows from " + Keys.DERIVED.get(key),
          "no such key",
          setting.value().show(),
          "Remove it.");
    } else {
      problem(
          setting,
          "unknown key",
          "a key of docs/config.md",
          key,
          Text.nearest(key, Keys.names())
              .map(nearest -> "Did you mean " + nearest + "?")
              .orElse("Remove it."));
    }
  }

  private void supported(Setting setting, KeySpec spec) {
    Value value = setting.value();
    try {
      values.put(spec.name(), Coercion.typed(spec, value));
    } catch (Coercion.Misfit misfit) {
      broken.add(spec.name());
      String fix =
          misfit.getMessage().equals("not supported yet") && !spec.key().instead().isEmpty()
              ? spec.key().instead()
              : fix(spec, value, misfit);
      problem(setting, misfit.getMessage(), spec.expected(), value.show(), fix);
    }
  }

  private static String fix(KeySpec spec, Value value, Coercion.Misfit misfit) {
    return Text.nearest(word(value), spec.choices())
        .filter(nearest -> !misfit.getMessage().equals("not supported yet"))
        .map(nearest -> "Did you mean " + nearest + "?")
        .orElse(
            value.isNull()
                ? "Remove the line for the default " + spec.key().preset() + "."
                : "Correct the value.");
  }

  /** Secrets do not belong into messages, which end up in logs. */
  private static boolean isSecret(String key) {
    return key.endsWith("token") || key.endsWith("secret") || key.endsWith("api_key");
  }

  private static String word(Value value) {
    return value instanceof Value.Scalar(String text, boolean quoted) ? text : "";
  }

  private void problem(Setting setting, String what, String expected, String got, String fix) {
    broken.add(setting.key());
    problems.add(
        setting.where()
            + " "
            + setting.key()
            + ": "
            + what
            + ": expected "
            + expected
            + ", got "
            + abridged(got)
            + ". "
            + fix);
  }

  private static String abridged(String got) {
    String line = got.lines().collect(Collectors.joining(" "));
    return line.length() <= 80 ? line : line.substring(0, 77) + "...";
  }
}
