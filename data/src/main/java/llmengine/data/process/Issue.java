package llmengine.data.process;

/**
 * What can befall a row of a dataset; the name in lower case is the {@code reason} in
 * data_report.jsonl.
 */
public enum Issue {
  /** Kept, but cut to fit cutoff_len. */
  TRUNCATED,
  /** Kept, but no token of it is learned (its answer was cut off, or is empty). */
  NOTHING_LEARNED,
  /** Dropped: roles out of order, or the conversation doesn't end with an answer. */
  ROLES_OUT_OF_ORDER,
  /** Dropped: no answer, or several. */
  NO_SINGLE_RESPONSE,
  /** Dropped: not two answers to choose from. */
  NO_PAIR,
  /** Dropped: no answer with a judgement of it (kto_tag). */
  NO_FEEDBACK,
  /** Kept, though chosen and rejected answer are the same: nothing is preferred. */
  IDENTICAL_PAIR,
  /** Dropped: longer than cutoff_len even after truncation, so that it fits no pack. */
  FITS_NO_PACK;

  /** Whether the row is missing from the tokenized dataset. */
  public boolean dropped() {
    return this != TRUNCATED && this != NOTHING_LEARNED && this != IDENTICAL_PAIR;
  }
}
