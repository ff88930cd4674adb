package llmengine.serve.http;

import io.helidon.common.buffers.DataReader;
import java.io.UncheckedIOException;
import java.net.SocketTimeoutException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * The bytes of a connection, read by a thread of their own: so that waiting for them can end after
 * a time, and so that while a request is answered the end of the stream, which means that the
 * client has gone, is noticed. What is read ahead is kept for the next request.
 */
final class ReadAhead implements Supplier<byte[]> {
  private final DataReader connection;
  private CompletableFuture<byte[]> next; // guarded by this; null if nothing is being read
  private volatile Runnable gone;
  private volatile boolean last;
  private volatile long deadline; // of System.nanoTime; 0 for none

  ReadAhead(DataReader connection) {
    this.connection = connection;
  }

  /** Calls {@code gone} once if the client goes before the watch is closed. */
  ClientWatch watch(Runnable gone) {
    this.gone = gone;
    CompletableFuture<byte[]> bytes = reading();
    if (bytes.isDone() && (bytes.isCompletedExceptionally() || bytes.join() == null)) {
      gone.run();
    }
    return () -> this.gone = null;
  }

  /** Ends the connection after the answer under way. */
  void last() {
    last = true;
  }

  /** Waiting for bytes ends at this time of System.nanoTime; 0 for never. */
  void deadline(long nanos) {
    deadline = nanos;
  }

  /** The next bytes; null at the end. */
  @Override
  public byte[] get() {
    if (last) {
      return null;
    }
    CompletableFuture<byte[]> bytes = reading();
    try {
      byte[] read =
          deadline == 0
              ? bytes.get()
              : bytes.get(Math.max(1, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
      if (read != null) { // the end stays the end
        taken();
      }
      return read;
    } catch (TimeoutException e) {
      throw new UncheckedIOException(new SocketTimeoutException("no bytes in time"));
    } catch (ExecutionException e) {
      throw e.getCause() instanceof RuntimeException known
          ? known
          : new IllegalStateException("reading a connection", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return null;
    }
  }

  private synchronized void taken() {
    next = null;
  }

  private synchronized CompletableFuture<byte[]> reading() {
    if (next == null) {
      CompletableFuture<byte[]> bytes = new CompletableFuture<>();
      next = bytes;
      Thread.ofVirtual().name("connection-input").start(() -> read(bytes));
    }
    return next;
  }

  private void read(CompletableFuture<byte[]> bytes) {
    try {
      connection.ensureAvailable();
      bytes.complete(connection.readBuffer().readBytes());
    } catch (DataReader.InsufficientDataAvailableException end) {
      bytes.complete(null);
      tellGone();
    } catch (RuntimeException e) {
      bytes.completeExceptionally(e);
      tellGone();
    }
  }

  private void tellGone() {
    Runnable listener = gone;
    if (listener != null) {
      listener.run();
    }
  }
}
