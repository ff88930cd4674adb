package llmengine.data.process;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import llmengine.data.AlignedRow;

/**
 * Ranking rows (stages rm and dpo): the prompt with the chosen answer, then the prompt with the
 * rejected one, answers learned. One budget of cutoffLen for the prompt and the longer answer, so
 * that both sequences begin with the same cut prompt.
 */
public record PairwiseProcessor(TurnEncoder encoder, int cutoffLen, boolean efficientEos, int eosId)
    implements Processor {

  @Override
  public Encoded encode(AlignedRow row) {
    if (row.prompt().size() % 2 == 0) {
      return Encoded.dropped(Issue.ROLES_OUT_OF_ORDER);
    }
    if (row.response().size() < 2) {
      return Encoded.dropped(Issue.NO_PAIR);
    }
    Answer chosen = Answer.of(encoder, row, row.response().get(0), efficientEos, eosId);
    Answer rejected = Answer.of(encoder, row, row.response().get(1), efficientEos, eosId);
    int longer = Math.max(chosen.answer().length, rejected.answer().length);
    Truncation cut = Truncation.of(chosen.prompt().length, longer, cutoffLen);
    int chosenLength = Math.min(chosen.answer().length, cut.target());
    int rejectedLength = Math.min(rejected.answer().length, cut.target());
    int[] parts = {cut.source() + chosenLength, cut.source() + rejectedLength};
    int[] ids = new int[parts[0] + parts[1]];
    int[] labels = new int[ids.length];
    chosen.write(cut.source(), chosenLength, ids, labels, 0);
    // theirs is the chosen pass's prompt for both
    new Answer(chosen.prompt(), rejected.answer())
        .write(cut.source(), rejectedLength, ids, labels, parts[0]);
    return new Encoded(
        ids,
        labels,
        chosen.prompt().length + longer,
        issues(chosen, rejected, cut, labels),
        parts,
        Feedback.NONE);
  }

  private static Set<Issue> issues(Answer chosen, Answer rejected, Truncation cut, int[] labels) {
    Set<Issue> issues = EnumSet.noneOf(Issue.class);
    int longer = Math.max(chosen.answer().length, rejected.answer().length);
    if (cut.source() < chosen.prompt().length || cut.target() < longer) {
      issues.add(Issue.TRUNCATED);
    }
    if (Example.learned(labels) == 0) {
      issues.add(Issue.NOTHING_LEARNED);
    }
    if (Arrays.equals(chosen.answer(), rejected.answer())) {
      issues.add(Issue.IDENTICAL_PAIR);
    }
    return issues;
  }

  @Override
  public boolean learnsAnswers() {
    return true;
  }
}
