// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Learns a byte-level BPE vocabulary (Sennrich et al., arXiv 1508.07909, on the bytes as GPT-2
 * does) from the text files given, and writes a Hugging Face {@code tokenizer.json}. Digits stand
 * alone; words are split by the pattern of GPT-2. The same text gives the same bytes.
 *
 * <p>Arguments: OUTPUT VOCABULARY_SIZE TEXT_FILE...
 */
public final class TrainTokenizer {
  private static final List<String> SPECIAL =
      List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>");

  // the pattern of GPT-2 (https://github.com/openai/gpt-2, src/encoder.py), a digit by itself
  private static final Pattern WORD =
      Pattern.compile(
          "\\p{N}|'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+");
  private static final String[] BYTE_SYMBOLS = byteSymbols();

  /** A word as its present symbols, and how often it occurs. */
  private static final class Word {
    private List<String> symbols;
    private final long count;

    private Word(List<String> symbols, long count) {
      this.symbols = symbols;
      this.count = count;
    }
  }

  private record Merge(String left, String right) implements Comparable<Merge> {
    @Override
    public int compareTo(Merge other) {
      int order = left.compareTo(other.left);
      return order != 0 ? order : right.compareTo(other.right);
    }
  }

  private TrainTokenizer() {}

  public static void main(String[] args) throws IOException {
    if (args.length < 3) {
      throw new IllegalArgumentException(
          "usage: TrainTokenizer OUTPUT VOCABULARY_SIZE TEXT_FILE...");
    }
    int size = Integer.parseInt(args[1]);
    List<Word> words = words(List.of(args).subList(2, args.length));
    int room = size - SPECIAL.size() - BYTE_SYMBOLS.length;
    List<Merge> merges = learn(words, room);
    if (merges.size() < room) {
      System.out.println("the text has only " + merges.size() + " pairs; expected " + room);
    }
    Files.writeString(Path.of(args[0]), tokenizerJson(merges));
    System.out.println(
        args[0] + ": " + merges.size() + " merges from " + words.size() + " different words");
  }

  private static List<Word> words(List<String> files) throws IOException {
    Map<String, Long> counts = new TreeMap<>();
    for (String file : files) {
      for (String line : Files.readAllLines(Path.of(file))) {
        for (String text : jsonStrings(line)) {
          Matcher matcher = WORD.matcher(text);
          while (matcher.find()) {
            counts.merge(matcher.group(), 1L, Long::sum);
          }
        }
      }
    }
    var words = new ArrayList<Word>();
    counts.forEach(
        (word, count) -> {
          var symbols = new ArrayList<String>();
          for (byte b : word.getBytes(StandardCharsets.UTF_8)) {
            symbols.add(BYTE_SYMBOLS[b & 0xff]);
          }
          words.add(new Word(symbols, count));
        });
    return words;
  }

  private static final Pattern VALUE = Pattern.compile(": \"((?:[^\"\\\\]|\\\\.)*)\"");

  /** The string values of one line of JSON as Generate writes it. */
  private static List<String> jsonStrings(String line) {
    var values = new ArrayList<String>();
    Matcher matcher = VALUE.matcher(line);
    while (matcher.find()) {
      values.add(matcher.group(1).replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\"));
    }
    return values;
  }

  /** Joins the most frequent pair, most times {@code most}; the first in order wins a tie. */
  private static List<Merge> learn(List<Word> words, int most) {
    var merges = new ArrayList<Merge>();
    while (merges.size() < most) {
      Map<Merge, Long> counts = new HashMap<>();
      for (Word word : words) {
        for (int i = 0; i + 1 < word.symbols.size(); i++) {
          counts.merge(
              new Merge(word.symbols.get(i), word.symbols.get(i + 1)), word.count, Long::sum);
        }
      }
      Merge best = null;
      long bestCount = 0;
      for (var entry : counts.entrySet()) {
        long count = entry.getValue();
        if (count > bestCount
            || (count == bestCount && best != null && entry.getKey().compareTo(best) < 0)) {
          best = entry.getKey();
          bestCount = count;
        }
      }
      if (best == null) {
        break;
      }
      merges.add(best);
      for (Word word : words) {
        word.symbols = joined(word.symbols, best);
      }
    }
    return merges;
  }

  private static List<String> joined(List<String> symbols, Merge merge) {
    var out = new ArrayList<String>(symbols.size());
    for (int i = 0; i < symbols.size(); i++) {
      boolean pair =
          i + 1 < symbols.size()
              && symbols.get(i).equals(merge.left)
              && symbols.get(i + 1).equals(merge.right);
      out.add(pair ? merge.left + merge.right : symbols.get(i));
      i += pair ? 1 : 0;
    }
    return out;
  }

  private static String tokenizerJson(List<Merge> merges) {
    Map<String, Integer> vocabulary = new LinkedHashMap<>();
    var added = new ArrayList<String>();
    for (String token : SPECIAL) {
      int id = vocabulary.size();
      added.add(
          "    {\"id\": "
              + id
              + ", \"content\": "
              + quote(token)
              + ", \"single_word\": false, "
              + "\"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true}");
      vocabulary.put(token, id);
    }
    for (String symbol : BYTE_SYMBOLS) {
      vocabulary.put(symbol, vocabulary.size());
    }
    var rules = new ArrayList<String>();
    for (Merge merge : merges) {
      vocabulary.putIfAbsent(merge.left + merge.right, vocabulary.size());
      rules.add("      " + quote(merge.left + " " + merge.right));
    }
    var entries = new ArrayList<String>();
    vocabulary.forEach((token, id) -> entries.add("      " + quote(token) + ": " + id));
    String bytes =
        "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
            + "\"trim_offsets\": true, \"use_regex\": true}";
    return String.join(
        "\n",
        "{",
        "  \"version\": \"1.0\",",
        "  \"truncation\": null,",
        "  \"padding\": null,",
        "  \"added_tokens\": [",
        String.join(",\n", added),
        "  ],",
        "  \"normalizer\": null,",
        "  \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [",
        "    {\"type\": \"Digits\", \"individual_digits\": true},",
        "    " + bytes,
        "  ]},",
        "  \"post_processor\": null,",
        "  \"decoder\": " + bytes + ",",
        "  \"model\": {",
        "    \"type\": \"BPE\", \"dropout\": null, \"unk_token\": null,",
        "    \"continuing_subword_prefix\": null, \"end_of_word_suffix\": null,",
        "    \"fuse_unk\": false, \"byte_fallback\": false, \"ignore_merges\": false,",
        "    \"vocab\": {",
        String.join(",\n", entries),
        "    },",
        "    \"merges\": [",
        String.join(",\n", rules),
        "    ]",
        "  }",
        "}",
        "");
  }

  /** A visible character for every byte: itself if printable, else the next one from U+0100 on. */
  private static String[] byteSymbols() {
    var symbols = new String[256];
    int next = 256;
    for (int b = 0; b < 256; b++) {
      boolean printable = (b > 32 && b < 127) || (b > 160 && b < 256 && b != 173);
      symbols[b] = Character.toString(printable ? b : next++);
    }
    return symbols;
  }

  private static String quote(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }
}
