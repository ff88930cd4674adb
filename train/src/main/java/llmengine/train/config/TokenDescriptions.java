package llmengine.train.config;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The file of {@code new_special_tokens_config}: token: description. */
final class TokenDescriptions {
  private TokenDescriptions() {}

  /** Descriptions by token, in the order of the file. */
  static Map<String, String> read(Path file) {
    List<String> problems = new ArrayList<>();
    Map<String, String> descriptions = new LinkedHashMap<>();
    try {
      YamlFile.read(file, problems)
          .forEach(
              (token, setting) -> {
                if (setting.value() instanceof Value.Scalar text && !setting.value().isNull()) {
                  descriptions.put(token, text.text());
                } else {
                  problems.add(
                      setting.where()
                          + " "
                          + token
                          + ": expected a description in words, got "
                          + setting.value().show()
                          + ". Write token: text.");
                }
              });
    } catch (IOException e) {
      problems.add(
          "new_special_tokens_config: "
              + file
              + ": expected a readable YAML file, got "
              + e
              + ". Check the path.");
    }
    if (problems.isEmpty() && descriptions.isEmpty()) {
      problems.add(
          "new_special_tokens_config: "
              + file
              + ": expected lines token: description, got none. Add some or remove the key.");
    }
    if (!problems.isEmpty()) {
      throw new ConfigException(problems);
    }
    return descriptions;
  }
}
