package llmengine.data.process;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import llmengine.data.AlignedRow;
import llmengine.data.DataException;
import llmengine.data.Message;
import llmengine.data.template.Turn;

/**
 * Supervised fine-tuning: the assistant's part of each turn is learned. Each turn is cut to what is
 * left of cutoffLen; turns after that are left out. Under maskHistory only the last turn is learned
 * and turns are taken newest first.
 *
 * <p>Templates with {@code efficient_eos} write no end token between turns: one is learned at the
 * end of the row, and in place of the first token of every later turn. {@code eosId} is needed for
 * those only.
 */
public record SftProcessor(
    TurnEncoder encoder,
    int cutoffLen,
    boolean trainOnPrompt,
    boolean maskHistory,
    boolean efficientEos,
    int eosId)
    implements Processor {

  public SftProcessor {
    if (trainOnPrompt && (maskHistory || efficientEos)) {
      throw new DataException(
          "train_on_prompt: learns every token: expected "
              + (maskHistory ? "mask_history: false" : "a template without efficient_eos")
              + ", got "
              + (maskHistory ? "mask_history: true" : "one that has it")
              + ". Set train_on_prompt: false.");
    }
  }

  @Override
  public Encoded encode(AlignedRow row) {
    if (row.prompt().size() % 2 == 0) {
      return Encoded.dropped(Issue.ROLES_OUT_OF_ORDER);
    }
    if (row.response().size() != 1) {
      return Encoded.dropped(Issue.NO_SINGLE_RESPONSE);
    }
    var messages = new ArrayList<Message>(row.prompt());
    messages.add(row.response().getFirst());
    return encode(encoder.multiturn(messages, row));
  }

  @Override
  public boolean learnsAnswers() {
    return true;
  }

  private Encoded encode(List<Turn> turns) {
    int reserved = efficientEos ? 1 : 0;
    int full = reserved;
    for (Turn turn : turns) {
      full += turn.source().length + turn.target().length;
    }
    var kept = new ArrayList<Truncation>();
    int length = reserved;
    for (int i = 0; i < turns.size() && length < cutoffLen; i++) {
      Turn turn = turns.get(maskHistory ? turns.size() - 1 - i : i);
      Truncation cut =
          Truncation.of(turn.source().length, turn.target().length, cutoffLen - length);
      kept.add(cut);
      length += cut.source() + cut.target();
    }
    int[] ids = new int[length];
    int[] labels = new int[length];
    Arrays.fill(labels, Example.IGNORED);
    int at = 0;
    for (int i = 0; i < kept.size(); i++) {
      // order of visit: 0 is the first turn, or the newest under maskHistory (which comes last in
      // the row)
      int visit = maskHistory ? kept.size() - 1 - i : i;
      Truncation cut = kept.get(visit);
      Turn turn = turns.get(maskHistory ? turns.size() - 1 - visit : visit);
      System.arraycopy(turn.source(), 0, ids, at, cut.source());
      if (trainOnPrompt) {
        System.arraycopy(turn.source(), 0, labels, at, cut.source());
      } else if (efficientEos && visit != 0 && cut.source() > 0) {
        labels[at] = eosId;
      }
      at += cut.source();
      System.arraycopy(turn.target(), 0, ids, at, cut.target());
      if (!maskHistory || visit == 0) {
        System.arraycopy(turn.target(), 0, labels, at, cut.target());
      }
      at += cut.target();
    }
    if (efficientEos) {
      ids[at] = eosId;
      labels[at] = eosId;
    }
    return Encoded.kept(ids, labels, full, length);
  }
}
