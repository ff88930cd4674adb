package llmengine.data;

import java.util.List;
import java.util.OptionalInt;
import llmengine.data.template.ByteTokenizer;

/** The byte tokenizer with a choice of addsBos and a spelling for each byte. */
public record TestTokenizer(Tokenizer bytes, boolean addsBos) implements Tokenizer {
  public static TestTokenizer standard(boolean addsBos) {
    return new TestTokenizer(ByteTokenizer.standard(), addsBos);
  }

  @Override
  public int[] encode(String text) {
    return bytes.encode(text);
  }

  @Override
  public String decode(int[] ids, boolean skipSpecial) {
    return bytes.decode(ids, skipSpecial);
  }

  @Override
  public int vocabSize() {
    return bytes.vocabSize();
  }

  @Override
  public OptionalInt idOf(String token) {
    return bytes.idOf(token);
  }

  @Override
  public String tokenOf(int id) {
    return id < 256 ? String.format("<0x%02X>", id) : bytes.tokenOf(id);
  }

  @Override
  public boolean isSpecial(int id) {
    return bytes.isSpecial(id);
  }

  @Override
  public OptionalInt bosId() {
    return bytes.bosId();
  }

  @Override
  public OptionalInt eosId() {
    return bytes.eosId();
  }

  @Override
  public OptionalInt padId() {
    return bytes.padId();
  }

  @Override
  public List<String> additionalSpecialTokens() {
    return bytes.additionalSpecialTokens();
  }

  @Override
  public Tokenizer withEos(String token) {
    return new TestTokenizer(bytes.withEos(token), addsBos);
  }

  @Override
  public Tokenizer withPad(String token) {
    return new TestTokenizer(bytes.withPad(token), addsBos);
  }

  @Override
  public Tokenizer withAdditionalSpecialTokens(List<String> tokens) {
    return new TestTokenizer(bytes.withAdditionalSpecialTokens(tokens), addsBos);
  }
}
