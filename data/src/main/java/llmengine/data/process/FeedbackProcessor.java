package llmengine.data.process;

import java.util.EnumSet;
import java.util.Set;
import llmengine.data.AlignedRow;
import llmengine.data.Message;

/**
 * Rows with a judgement (stage kto): the prompt with its answer, then the prompt with the answer of
 * the row before (KTO's estimate of how far the policy went from the reference needs answers that
 * don't belong to the prompt). Each sequence is cut by itself. An empty first response marks the
 * second as undesirable.
 */
public record FeedbackProcessor(TurnEncoder encoder, int cutoffLen, boolean efficientEos, int eosId)
    implements Processor {

  @Override
  public Encoded encode(AlignedRow row) {
    return encode(row, row);
  }

  @Override
  public boolean looksBack() {
    return true;
  }

  @Override
  public boolean learnsAnswers() {
    return true;
  }

  @Override
  public Encoded encode(AlignedRow row, AlignedRow before) {
    if (row.prompt().size() % 2 == 0) {
      return Encoded.dropped(Issue.ROLES_OUT_OF_ORDER);
    }
    if (row.response().size() < 2) {
      return Encoded.dropped(Issue.NO_FEEDBACK);
    }
    Feedback feedback =
        row.response().getFirst().content().isEmpty() ? Feedback.UNDESIRABLE : Feedback.DESIRABLE;
    Answer own = Answer.of(encoder, row, judged(row), efficientEos, eosId);
    Answer other = Answer.of(encoder, row, judged(before), efficientEos, eosId);
    Truncation ownCut = Truncation.of(own.prompt().length, own.answer().length, cutoffLen);
    Truncation otherCut = Truncation.of(other.prompt().length, other.answer().length, cutoffLen);
    int[] parts = {ownCut.source() + ownCut.target(), otherCut.source() + otherCut.target()};
    int[] ids = new int[parts[0] + parts[1]];
    int[] labels = new int[ids.length];
    own.write(ownCut.source(), ownCut.target(), ids, labels, 0);
    other.write(otherCut.source(), otherCut.target(), ids, labels, parts[0]);
    Set<Issue> issues = EnumSet.noneOf(Issue.class);
    if (parts[0] < own.length()) {
      issues.add(Issue.TRUNCATED);
    }
    if (ownCut.target() == 0) {
      issues.add(Issue.NOTHING_LEARNED);
    }
    return new Encoded(ids, labels, own.length(), issues, parts, feedback);
  }

  /** The answer that the judgement is about. */
  private static Message judged(AlignedRow row) {
    Message first = row.response().getFirst();
    return first.content().isEmpty() && row.response().size() > 1 ? row.response().get(1) : first;
  }
}
