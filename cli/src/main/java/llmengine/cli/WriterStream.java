package llmengine.cli;

import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** A print stream that ends in a writer, for parts that print to streams. */
final class WriterStream extends OutputStream {
  private final PrintWriter writer;
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .onUnmappableCharacter(CodingErrorAction.REPLACE);
  private ByteBuffer rest = ByteBuffer.allocate(0); // the beginning of a character

  private WriterStream(PrintWriter writer) {
    this.writer = writer;
  }

  /** Prints UTF-8 through to the writer, each call at once. */
  static PrintStream of(PrintWriter writer) {
    return new PrintStream(new WriterStream(writer), true, StandardCharsets.UTF_8);
  }

  @Override
  public void write(int b) {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int from, int count) {
    ByteBuffer in = ByteBuffer.allocate(rest.remaining() + count);
    in.put(rest).put(bytes, from, count).flip();
    CharBuffer out = CharBuffer.allocate(in.remaining() + 1);
    decoder.decode(in, out, false);
    rest = in;
    writer.print(out.flip());
  }

  @Override
  public void flush() {
    writer.flush();
  }
}
