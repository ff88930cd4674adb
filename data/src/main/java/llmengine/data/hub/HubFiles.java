package llmengine.data.hub;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;

/** Which files of a repository a checkpoint needs. */
final class HubFiles {
  private static final Set<String> NAMES =
      Set.of("tokenizer.model", "merges.txt", "vocab.txt", "chat_template.jinja");

  private HubFiles() {}

  /**
   * Configuration, tokenizer, templates and weights as safetensors; no weights of other kinds and
   * none in folders below, which repeat them. The configuration is the last: a folder that has it
   * is whole.
   */
  static List<String> needed(List<String> all) {
    boolean indexed = all.contains("model.safetensors.index.json");
    List<String> needed = new ArrayList<>();
    for (String name : all) {
      boolean template = name.startsWith("additional_chat_templates/") && name.endsWith(".jinja");
      if (name.indexOf('/') >= 0 && !template) {
        continue;
      }
      boolean weights =
          name.endsWith(".safetensors")
              // beside an index: its parts, not a second copy in one file
              && (!indexed
                  || !name.equals("model.safetensors") && !name.startsWith("consolidated"));
      if (template || weights || name.endsWith(".json") || NAMES.contains(name)) {
        needed.add(name);
      }
    }
    needed.sort(Comparator.comparing(HubFiles::isConfiguration)); // stable
    return needed;
  }

  private static boolean isConfiguration(String name) {
    return name.equals("config.json") || name.equals("adapter_config.json");
  }
}
