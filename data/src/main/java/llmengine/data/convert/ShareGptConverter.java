package llmengine.data.convert;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import llmengine.data.AlignedRow;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.data.source.Columns;
import llmengine.data.source.DatasetSpec;
import llmengine.data.source.Tags;

/**
 * Conversation rows: user or observation turns at even places, assistant or function turns at odd
 * ones. A leading system message comes before the system column.
 */
record ShareGptConverter(DatasetSpec spec) implements Converter {
  @Override
  public AlignedRow convert(JsonNode row) {
    Columns columns = spec.columns();
    Tags tags = spec.tags();
    List<JsonNode> raw = Conversation.messages(row, columns.messages());
    String system;
    if (tags.system() != null
        && !raw.isEmpty()
        && tags.system().equals(Conversation.role(raw.getFirst(), tags))) {
      system = Conversation.content(raw.getFirst(), tags);
      system = system == null ? "" : system;
      raw = raw.subList(1, raw.size());
    } else {
      system = Converter.text(row, columns.system());
    }
    String tools = Converter.tools(row, columns.tools());
    var messages = new ArrayList<Message>();
    for (JsonNode message : raw) {
      Role role = Conversation.role(Conversation.role(message, tags), tags);
      String content = Conversation.content(message, tags);
      if (role == null || content == null) {
        return Converter.broken(system, tools);
      }
      messages.add(new Message(role, content));
    }
    return Conversation.align(spec, row, messages, system, tools);
  }
}
