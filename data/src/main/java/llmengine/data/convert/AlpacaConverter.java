package llmengine.data.convert;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import llmengine.data.AlignedRow;
import llmengine.data.DataException;
import llmengine.data.Message;
import llmengine.data.Role;
import llmengine.data.source.Columns;
import llmengine.data.source.DatasetSpec;

/**
 * Instruction rows: the user turn is prompt and query on two lines (whichever is not empty),
 * history pairs come before it. Without an answer the response is empty: such rows serve
 * pre-training and prediction.
 */
record AlpacaConverter(DatasetSpec spec) implements Converter {
  @Override
  public AlignedRow convert(JsonNode row) {
    Columns columns = spec.columns();
    var prompt = new ArrayList<Message>();
    JsonNode history = columns.history() == null ? null : row.get(columns.history());
    if (history != null && history.isArray()) {
      for (JsonNode pair : history) {
        if (!pair.isArray()
            || pair.size() != 2
            || !pair.get(0).isTextual()
            || !pair.get(1).isTextual()) {
          throw new DataException(
              "column \"" + columns.history() + "\": expected pairs of texts, got " + pair + ".");
        }
        prompt.add(new Message(Role.USER, pair.get(0).asText()));
        prompt.add(new Message(Role.ASSISTANT, pair.get(1).asText()));
      }
    }
    String instruction = Converter.text(row, columns.prompt());
    String query = Converter.text(row, columns.query());
    String separator = instruction.isEmpty() || query.isEmpty() ? "" : "\n";
    prompt.add(new Message(Role.USER, instruction + separator + query));
    return new AlignedRow(
        List.copyOf(prompt),
        response(row, columns),
        Converter.text(row, columns.system()),
        Converter.tools(row, columns.tools()));
  }

  private List<Message> response(JsonNode row, Columns columns) {
    Boolean ktoTag = Converter.flag(row, columns.ktoTag());
    if (ktoTag == null
        && spec.ranking()
        && isText(row, columns.chosen())
        && isText(row, columns.rejected())) {
      return List.of(
          new Message(Role.ASSISTANT, row.get(columns.chosen()).asText()),
          new Message(Role.ASSISTANT, row.get(columns.rejected()).asText()));
    }
    if (ktoTag == null && !isText(row, columns.response())) {
      return List.of();
    }
    String answer = Converter.text(row, columns.response());
    return Converter.responses(new Message(Role.ASSISTANT, answer), ktoTag);
  }

  private static boolean isText(JsonNode row, String column) {
    return column != null && row.path(column).isTextual();
  }
}
