package llmengine.serve.grammar;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Named sets of characters, with the meaning of JavaScript's: digits and words are ASCII. */
final class CharacterClasses {
  static final CodePoints DIGIT = CodePoints.of('0', '9');
  static final CodePoints WORD = CodePoints.of('a', 'z', 'A', 'Z', '0', '9', '_', '_');
  static final CodePoints SPACE =
      CodePoints.ofText(" \t\n\r\f\u000B\u00A0\u1680\u2028\u2029\u202F\u205F\u3000\uFEFF")
          .or(CodePoints.of(0x2000, 0x200A));

  // By the numbers of Character.getType; 17 is not in use.
  private static final List<String> CATEGORIES =
      List.of(
          "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Me", "Mc", "Nd", "Nl", "No", "Zs", "Zl", "Zp",
          "Cc", "Cf", "", "Co", "Cs", "Pd", "Ps", "Pe", "Pc", "Po", "Sm", "Sc", "Sk", "So", "Pi",
          "Pf");

  private static final Map<String, CodePoints> KNOWN = new ConcurrentHashMap<>();

  private CharacterClasses() {}

  /** The characters of a general category, such as Lu, or of a group of them, such as L. */
  static CodePoints category(String name) {
    boolean known =
        !name.isEmpty() && CATEGORIES.stream().anyMatch(c -> c.equals(name) || group(c, name));
    return known ? KNOWN.computeIfAbsent(name, CharacterClasses::collect) : null;
  }

  private static boolean group(String category, String name) {
    return name.length() == 1 && category.startsWith(name);
  }

  private static CodePoints collect(String name) {
    List<CodePoints.Range> ranges = new ArrayList<>();
    int from = -1;
    for (int c = 0; c <= CodePoints.MAX + 1; c++) {
      String category = c > CodePoints.MAX ? "" : CATEGORIES.get(Character.getType(c));
      boolean in = category.equals(name) || group(category, name);
      if (in && from < 0) {
        from = c;
      } else if (!in && from >= 0) {
        ranges.add(new CodePoints.Range(from, c - 1));
        from = -1;
      }
    }
    return CodePoints.ofRanges(ranges);
  }
}
