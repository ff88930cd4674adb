package llmengine.data.store;

import llmengine.data.AlignedRow;

/** The rows to tokenize, in order, read by number on any thread. */
public interface RowFeed {
  int size();

  /** Row {@code index}; a bad one is a DataException that names its file and line. */
  AlignedRow row(int index);

  /** Name of the dataset the row comes from. */
  String dataset(int index);

  /** Number of the row within its dataset. */
  int index(int index);

  /** File and line of a row, for messages. */
  String where(int index);
}
