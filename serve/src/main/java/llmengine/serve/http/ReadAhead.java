package llmengine.serve.http;

import io.helidon.common.buffers.DataReader;
import java.io.UncheckedIOException;
import java.net.SocketTimeoutException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;

/**
 * The bytes of a connection. While it is watched a thread of its own reads the next ones, which are
 * kept for the next request; the end of the stream instead of them means that the client has gone.
 */
final class ReadAhead implements Supplier<byte[]> {
  private final DataReader connection;
  private CompletableFuture<byte[]> next; // guarded by this; null if nothing is read ahead
  private volatile Runnable gone;

  ReadAhead(DataReader connection) {
    this.connection = connection;
  }

  /** Calls {@code gone} once if the client goes before the watch is closed. */
  synchronized ClientWatch watch(Runnable gone) {
    this.gone = gone;
    if (next == null) {
      CompletableFuture<byte[]> bytes = new CompletableFuture<>();
      next = bytes;
      Thread.ofVirtual().name("client-watch").start(() -> readAhead(bytes));
    } else if (next.isDone() && hasEnded(next)) {
      gone.run();
    }
    return () -> this.gone = null;
  }

  /** The next bytes; null at the end. */
  @Override
  public byte[] get() {
    CompletableFuture<byte[]> ahead;
    synchronized (this) {
      ahead = next;
    }
    if (ahead == null) {
      return read();
    }
    try {
      byte[] bytes = ahead.join();
      synchronized (this) {
        next = bytes == null ? next : null; // the end stays the end
      }
      return bytes;
    } catch (CompletionException e) {
      synchronized (this) {
        next = null;
      }
      throw e.getCause() instanceof RuntimeException known ? known : e;
    }
  }

  private void readAhead(CompletableFuture<byte[]> bytes) {
    while (true) {
      try {
        byte[] read = read();
        bytes.complete(read);
        if (read == null) {
          tellGone();
        }
        return;
      } catch (UncheckedIOException e) {
        // a silent client is a patient one as long as it is being answered
        if (!(e.getCause() instanceof SocketTimeoutException) || gone == null) {
          bytes.completeExceptionally(e);
          tellGone();
          return;
        }
      } catch (RuntimeException e) {
        bytes.completeExceptionally(e);
        tellGone();
        return;
      }
    }
  }

  private byte[] read() {
    try {
      connection.ensureAvailable();
    } catch (DataReader.InsufficientDataAvailableException end) {
      return null;
    }
    return connection.readBuffer().readBytes();
  }

  private void tellGone() {
    Runnable listener = gone;
    if (listener != null) {
      listener.run();
    }
  }

  private static boolean hasEnded(CompletableFuture<byte[]> bytes) {
    return bytes.isCompletedExceptionally() || bytes.join() == null;
  }
}
