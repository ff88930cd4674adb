package llmengine.train.config;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** All keys of a configuration with their values as texts, for people and trackers to read. */
public final class Settings {
  private Settings() {}

  /** In the order of the documentation; keys without a value are left out. */
  public static Map<String, String> of(RunConfig config) {
    Map<String, String> settings = new LinkedHashMap<>();
    for (RecordComponent section : RunConfig.class.getRecordComponents()) {
      if (section.getType().isAnnotationPresent(Section.class)) {
        Object record = value(section, config);
        for (RecordComponent key : section.getType().getRecordComponents()) {
          text(value(key, record))
              .ifPresent(text -> settings.put(Text.snakeCase(key.getName()), text));
        }
      }
    }
    return settings;
  }

  private static Optional<String> text(Object value) {
    return switch (value) {
      case null -> Optional.empty();
      case Optional<?> optional -> optional.flatMap(Settings::text);
      case Enum<?> choice -> Optional.of(choice.name().toLowerCase(Locale.ROOT));
      case Iterable<?> list when !list.iterator().hasNext() -> Optional.empty();
      default -> Optional.of(value.toString());
    };
  }

  private static Object value(RecordComponent component, Object record) {
    try {
      return component.getAccessor().invoke(record);
    } catch (IllegalAccessException | InvocationTargetException e) {
      throw new IllegalStateException(component + ": accessors of records are public", e);
    }
  }
}
