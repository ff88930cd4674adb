package llmengine.data.template;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;
import llmengine.data.Tokenizer;

/**
 * A tokenizer whose ids can be checked by eye: 0..255 are UTF-8 bytes, then special tokens in order
 * of registration. At each character the longest special token that starts there wins.
 */
public final class ByteTokenizer implements Tokenizer {
  private final List<String> specials;
  private final List<String> additional;
  private final String bos;
  private final String eos;
  private final String pad;

  private ByteTokenizer(
      List<String> specials, List<String> additional, String bos, String eos, String pad) {
    this.specials = specials;
    this.additional = additional;
    this.bos = bos;
    this.eos = eos;
    this.pad = pad;
  }

  /** Ids 256 bos, 257 eos, 258 pad, then the tokens that some templates name. */
  public static ByteTokenizer standard() {
    return new ByteTokenizer(
        List.of(
            "<s>",
            "</s>",
            "<pad>",
            "<sep>",
            "<|assistant|>",
            "<|observation|>",
            "<|system|>",
            "<|user|>",
            "[gMASK]",
            "sop"),
        List.of(),
        "<s>",
        "</s>",
        "<pad>");
  }

  /** Without any special token. */
  public static ByteTokenizer bare() {
    return new ByteTokenizer(List.of(), List.of(), null, null, null);
  }

  @Override
  public int[] encode(String text) {
    IntStream.Builder ids = IntStream.builder();
    for (int at = 0; at < text.length(); ) {
      String longest = "";
      for (String special : specials) {
        if (special.length() > longest.length() && text.startsWith(special, at)) {
          longest = special;
        }
      }
      if (longest.isEmpty()) {
        int end = text.offsetByCodePoints(at, 1);
        for (byte b : text.substring(at, end).getBytes(StandardCharsets.UTF_8)) {
          ids.add(b & 0xff);
        }
        at = end;
      } else {
        ids.add(256 + specials.indexOf(longest));
        at += longest.length();
      }
    }
    return ids.build().toArray();
  }

  @Override
  public String decode(int[] ids, boolean skipSpecial) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int id : ids) {
      if (id < 256) {
        bytes.write(id);
      } else if (!skipSpecial) {
        bytes.writeBytes(tokenOf(id).getBytes(StandardCharsets.UTF_8));
      }
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Override
  public int vocabSize() {
    return 256 + specials.size();
  }

  @Override
  public OptionalInt idOf(String token) {
    int index = specials.indexOf(token);
    return index < 0 ? OptionalInt.empty() : OptionalInt.of(256 + index);
  }

  @Override
  public String tokenOf(int id) {
    return specials.get(id - 256);
  }

  @Override
  public boolean isSpecial(int id) {
    return id >= 256;
  }

  @Override
  public OptionalInt bosId() {
    return bos == null ? OptionalInt.empty() : idOf(bos);
  }

  @Override
  public OptionalInt eosId() {
    return eos == null ? OptionalInt.empty() : idOf(eos);
  }

  @Override
  public OptionalInt padId() {
    return pad == null ? OptionalInt.empty() : idOf(pad);
  }

  @Override
  public boolean addsBos() {
    return false;
  }

  @Override
  public List<String> additionalSpecialTokens() {
    return additional;
  }

  @Override
  public Tokenizer withEos(String token) {
    return new ByteTokenizer(with(List.of(token)), additional, bos, token, pad);
  }

  @Override
  public Tokenizer withPad(String token) {
    return new ByteTokenizer(with(List.of(token)), additional, bos, eos, token);
  }

  @Override
  public Tokenizer withAdditionalSpecialTokens(List<String> tokens) {
    Set<String> all = new LinkedHashSet<>(additional);
    all.addAll(tokens);
    return new ByteTokenizer(with(tokens), List.copyOf(all), bos, eos, pad);
  }

  private List<String> with(List<String> tokens) {
    List<String> all = new ArrayList<>(specials);
    tokens.stream().filter(token -> !all.contains(token)).forEach(all::add);
    return all;
  }
}
