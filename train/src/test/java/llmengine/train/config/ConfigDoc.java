package llmengine.train.config;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** Writes docs/config.md from the declarations of the keys. */
final class ConfigDoc {

  private final StringBuilder out = new StringBuilder();

  private ConfigDoc() {}

  /** The whole page. */
  static String page() {
    ConfigDoc doc = new ConfigDoc();
    doc.intro();
    Keys.SECTIONS.forEach(doc::section);
    doc.schedules();
    doc.withoutMeaning();
    doc.later();
    return doc.out.toString();
  }

  private void intro() {
    out.append(
        """
        # Configuration keys

        This page is generated from the declarations in `llmengine.train.config`. To write it anew
        after a change there:

            mvn -pl train -am test -Dtest=ConfigDocTest \\
                -Dsurefire.failIfNoSpecifiedTests=false -Dconfig.doc.write=true

        A configuration is a LLaMA-Factory file: the keys, defaults and rules are LLaMA-Factory's.
        The words after a command are, in this order:

            engine.jar train run.yaml                          # or .yml, .json
            engine.jar train run.yaml learning_rate=1e-4       # a word replaces what the file says
            engine.jar train run.yaml --max_steps 10 --bf16    # also --max_steps=10, --no-bf16
            engine.jar train --model_name_or_path m --do_train --dataset d      # no file at all
            engine.jar train run.yaml lr_scheduler_kwargs.min_lr=1e-6           # into a mapping

        - Files are UTF-8; YAML is YAML 1.1. A key given twice is an error. `1e-4` is a number,
          quoted or not.
        - Lists are `[a, b]`, a YAML list, or `a,b`. Mappings may be JSON texts.
        - Relative paths start at the working directory.
        - `chat` and `export` take every key but those marked *train only*.
        - All problems are reported at once, each with file, line and what to do, and the program
          exits with 2.
        - Every key of LLaMA-Factory is known: supported (the next sections), of no meaning here, or
          not supported yet. A key is never ignored in silence.

        """);
  }

  private void section(Class<? extends Record> section) {
    Section head = section.getAnnotation(Section.class);
    out.append("## ").append(head.value()).append(head.trainingOnly() ? " (train only)" : "");
    out.append("\n\n| key | default | type | what it does |\n|---|---|---|---|\n");
    for (KeySpec spec : Keys.SUPPORTED.values()) {
      if (spec.section() == section) {
        row(
            "`" + spec.name() + "`" + (spec.key().own() ? " (ours)" : ""),
            spec.key().required() ? "required" : "`" + spec.key().preset() + "`",
            spec.expected() + (spec.isNullable() ? ", or null" : ""),
            spec.key().doc() + laterChoices(spec));
      }
    }
    out.append('\n');
  }

  private static String laterChoices(KeySpec spec) {
    return spec.key().later().length == 0
        ? ""
        : " Not supported yet: " + String.join(", ", spec.key().later()) + ".";
  }

  private void schedules() {
    out.append(
        """
        ## Parameters of lr_scheduler_kwargs

        | lr_scheduler_type | parameters |
        |---|---|
        """);
    for (OptimizerArguments.Scheduler scheduler : OptimizerArguments.Scheduler.values()) {
      List<String> names = SchedulerKwargs.of(scheduler);
      row("`" + scheduler.key() + "`", names.isEmpty() ? "none" : code(names));
    }
    out.append('\n');
  }

  private void withoutMeaning() {
    out.append(
        """
        ## Of no meaning here

        These keys are accepted and named once at the start of a run. Without them the result is the
        same.

        | why | keys |
        |---|---|
        """);
    Map<String, List<String>> byReason =
        NoMeaningKeys.byName().values().stream()
            .collect(
                Collectors.groupingBy(
                    NoMeaningKeys.NoMeaning::reason,
                    LinkedHashMap::new,
                    Collectors.mapping(NoMeaningKeys.NoMeaning::name, Collectors.toList())));
    byReason.forEach((reason, names) -> row(capital(reason), code(names)));
    out.append('\n');
  }

  private void later() {
    out.append(
        """
        ## Not supported yet

        Given with its default such a key is accepted; with another value it is an error.

        | what for | keys with their defaults |
        |---|---|
        """);
    Map<String, List<String>> byFeature =
        LaterKeys.byName().values().stream()
            .collect(
                Collectors.groupingBy(
                    LaterKeys.Later::feature,
                    LinkedHashMap::new,
                    Collectors.mapping(
                        later -> later.name() + ": " + later.preset(), Collectors.toList())));
    byFeature.forEach((feature, names) -> row(capital(feature), code(names)));
  }

  private void row(String... cells) {
    out.append(
        Arrays.stream(cells)
            .map(cell -> cell.replace("|", "\\|").replace("<", "&lt;"))
            .collect(Collectors.joining(" | ", "| ", " |\n")));
  }

  private static String code(List<String> names) {
    return names.stream().map(name -> "`" + name + "`").collect(Collectors.joining(", "));
  }

  private static String capital(String text) {
    return text.substring(0, 1).toUpperCase(Locale.ROOT) + text.substring(1);
  }
}
