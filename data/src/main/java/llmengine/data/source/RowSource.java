package llmengine.data.source;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Set;

/**
 * Raw rows of a file or of several, read by number from disk: only the rows' byte offsets are held
 * in memory (8 bytes per row). Safe for concurrent use.
 */
public interface RowSource extends AutoCloseable {
  int size();

  /** Row {@code index} as a JSON object; text files give {@code {"text": line}}. */
  JsonNode row(int index);

  /** File and line of a row, for messages. Reads the file up to the row: not for hot paths. */
  String where(int index);

  /** All keys that occur at the top level of any row. */
  Set<String> columns();

  @Override
  void close();
}
