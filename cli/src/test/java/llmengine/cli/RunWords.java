package llmengine.cli;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;

/** What a command printed and returned. */
record RunWords(int code, String out, String err) {
  /** Runs the program with these words and nothing to read. */
  static RunWords of(String... words) {
    return withInput("", words);
  }

  /** Runs the program with piped input. */
  static RunWords withInput(String input, String... words) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    InputStream before = System.in;
    System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
    try {
      int code = Main.run(new PrintWriter(out), new PrintWriter(err), words);
      return new RunWords(code, out.toString(), err.toString());
    } finally {
      System.setIn(before);
    }
  }
}
