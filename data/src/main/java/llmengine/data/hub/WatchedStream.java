package llmengine.data.hub;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;

/**
 * Bytes of a connection. One that brings nothing for a while is closed, so that reading fails: the
 * client's own timeout ends with the head of an answer.
 */
final class WatchedStream extends FilterInputStream {
  private final long patience;
  private final Thread watch;
  private volatile long since = System.nanoTime();
  private volatile boolean isReading;
  private volatile boolean isStalled;

  WatchedStream(InputStream in, Duration patience) {
    super(in);
    this.patience = patience.toNanos();
    this.watch = Thread.ofVirtual().name("download watch").start(this::watch);
  }

  private void watch() {
    try {
      while (!isStalled) {
        Thread.sleep(Duration.ofNanos(Math.max(1, patience / 8)));
        if (isReading && System.nanoTime() - since > patience) {
          isStalled = true;
          in.close();
        }
      }
    } catch (InterruptedException | IOException end) {
      // all was read, or the reader finds the same failure
    }
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] bytes, int at, int count) throws IOException {
    since = System.nanoTime();
    isReading = true;
    IOException failure = null;
    int n = -1;
    try {
      n = super.read(bytes, at, count);
    } catch (IOException e) {
      failure = e;
    }
    isReading = false;
    if (isStalled) {
      throw new IOException(
          "nothing came for " + Duration.ofNanos(patience).toSeconds() + " seconds", failure);
    } else if (failure != null) {
      throw failure;
    }
    return n;
  }

  @Override
  public void close() throws IOException {
    watch.interrupt();
    super.close();
  }
}
