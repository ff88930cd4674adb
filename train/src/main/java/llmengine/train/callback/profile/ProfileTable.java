package llmengine.train.callback.profile;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import llmengine.train.callback.profile.StepTimes.Phase;
import llmengine.train.callback.profile.StepTimes.Row;

/** A profile as text: milliseconds a step by phase, by layer and by operation. */
final class ProfileTable {
  private static final Pattern LAYER = Pattern.compile("(.*\\blayers\\.\\d+)\\..*");

  private static final List<Phase> PASSES =
      List.of(Phase.FORWARD, Phase.RECOMPUTED, Phase.BACKWARD);

  private final StepTimes times;
  private final double share; // of a nanosecond in all steps
  private final double milliseconds; // of a nanosecond in one step

  ProfileTable(StepTimes times) {
    this.times = times;
    share = 100.0 / Math.max(1, times.nanos());
    milliseconds = 1e-6 / Math.max(1, times.steps());
  }

  /** Milliseconds a step and the share of each phase, in a line. */
  String line() {
    Row all = all();
    StringBuilder line = new StringBuilder();
    line.append(String.format(Locale.ROOT, "%.1f ms a step: ", times.nanos() * milliseconds));
    for (Phase phase : Phase.values()) {
      line.append(phase == Phase.DATA ? "" : ", ").append(name(phase));
      line.append(String.format(Locale.ROOT, " %.1f %%", all.nanos[phase.ordinal()] * share));
    }
    return line.toString();
  }

  /** The tables that people read. */
  String text() {
    StringBuilder out = new StringBuilder();
    out.append(times.steps()).append(times.steps() == 1 ? " step, " : " steps, ").append(line());
    out.append("\n\nBy layer, milliseconds a step:\n\n");
    table(out, grouped(ProfileTable::layer));
    out.append("\nBy operation, milliseconds a step:\n\n");
    table(out, grouped(ProfileTable::op));
    return out.toString();
  }

  /** Every place and operation, for spreadsheets. */
  String csv() {
    StringBuilder out = new StringBuilder("where,op,calls_a_step");
    for (Phase phase : Phase.values()) {
      out.append(',').append(name(phase)).append("_ms");
    }
    out.append(",total_ms,percent\n");
    times
        .rows()
        .forEach(
            (where, row) -> {
              int dot = where.lastIndexOf('.');
              out.append(dot < 0 ? "" : where.substring(0, dot)).append(',').append(op(where));
              out.append(number(",%.2f", (double) row.calls / Math.max(1, times.steps())));
              for (long nanos : row.nanos) {
                out.append(number(",%.6f", nanos * milliseconds));
              }
              out.append(number(",%.6f", row.total() * milliseconds));
              out.append(number(",%.3f", row.total() * share)).append('\n');
            });
    return out.toString();
  }

  private void table(StringBuilder out, Map<String, Row> groups) {
    int width = groups.keySet().stream().mapToInt(String::length).max().orElse(0);
    out.append(String.format("%-" + width + "s  %8s", "", "calls"));
    for (Phase phase : PASSES) {
      out.append(String.format(" %10s", name(phase)));
    }
    out.append(String.format(" %10s %6s", "total", "%")).append('\n');
    groups.forEach((name, row) -> row(out, width, name, row));
    row(out, width, "step", all());
  }

  private void row(StringBuilder out, int width, String name, Row row) {
    double calls = (double) row.calls / Math.max(1, times.steps());
    out.append(String.format(Locale.ROOT, "%-" + width + "s  %8.1f", name, calls));
    for (Phase phase : PASSES) {
      out.append(number(" %10.3f", row.nanos[phase.ordinal()] * milliseconds));
    }
    out.append(number(" %10.3f", row.total() * milliseconds));
    out.append(number(" %6.2f", row.total() * share)).append('\n');
  }

  private Map<String, Row> grouped(UnaryOperator<String> name) {
    Map<String, Row> groups = new LinkedHashMap<>();
    times
        .rows()
        .forEach(
            (where, row) -> groups.computeIfAbsent(name.apply(where), n -> new Row()).add(row));
    return groups;
  }

  private Row all() {
    Row all = new Row();
    times.rows().values().forEach(all::add);
    return all;
  }

  /** model.layers.3 of everything in it; what is in no layer stands by itself. */
  static String layer(String where) {
    Matcher m = LAYER.matcher(where);
    return m.matches() ? m.group(1) : where;
  }

  private static String op(String where) {
    return where.substring(where.lastIndexOf('.') + 1);
  }

  private static String name(Phase phase) {
    return phase.name().toLowerCase(Locale.ROOT);
  }

  private static String number(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }
}
