package llmengine.data.hub;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import llmengine.data.DataException;

/**
 * Downloads checkpoints of a Hugging Face hub into the cache that its own client uses: content in
 * {@code blobs/<etag>}, {@code snapshots/<commit>/} of links to it, {@code refs/<revision>}. A cut
 * download goes on where it stopped, content is checked against its checksum, and two processes do
 * not download one file at the same time.
 */
public final class Hub {
  private static final int TRIES = 5;
  private static final long FIRST_PAUSE = 500;
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final long PROGRESS = 5_000_000_000L;

  /** File locks hold between processes only. */
  private static final Map<Path, ReentrantLock> LOCKS = new ConcurrentHashMap<>();

  private final HubSettings settings;
  private final Consumer<String> progress;
  private final long firstPause;
  private final Duration patience;

  /**
   * @param progress told a line now and then
   */
  public Hub(HubSettings settings, Consumer<String> progress) {
    this(settings, progress, FIRST_PAUSE, PATIENCE);
  }

  Hub(HubSettings settings, Consumer<String> progress, long firstPause, Duration patience) {
    this.settings = settings;
    this.progress = progress;
    this.firstPause = firstPause;
    this.patience = patience;
  }

  /**
   * The snapshot of a model, downloaded as far as it is not there yet.
   *
   * @param repository as {@code org/name}
   * @param revision branch, tag or commit
   * @throws DataException if the hub can't be asked, refuses, or sends other content than it says
   */
  public Path model(String repository, String revision) {
    if (settings.offline()) {
      throw new DataException(
          repository
              + ": not in the cache "
              + settings.cache()
              + " (revision "
              + revision
              + "), and HF_HUB_OFFLINE is set: nothing is downloaded. Unset it, or download the"
              + " model beforehand.");
    }
    HubClient client = new HubClient(settings, patience);
    String folderName = "models--" + repository.replace("/", "--");
    Path folder = settings.cache().resolve(folderName);
    HubClient.Revision at = retried(repository, false, () -> client.revision(repository, revision));
    List<String> needed = HubFiles.needed(at.files());
    if (!needed.contains("config.json") && !needed.contains("adapter_config.json")) {
      throw new DataException(
          repository
              + ": not a checkpoint: expected config.json among its files, got "
              + at.files().size()
              + " files without it. GGUF repositories: download the .gguf file and give its path.");
    }
    Path snapshot = folder.resolve("snapshots").resolve(at.commit());
    try {
      for (String name : needed) {
        Path link = snapshot.resolve(name);
        if (!Files.exists(link)) {
          HubClient.RemoteFile file =
              retried(repository, true, () -> client.file(repository, at.commit(), name));
          Path locks = settings.cache().resolve(".locks").resolve(folderName);
          Path blob = folder.resolve("blobs").resolve(file.etag());
          download(client, repository, file, blob, locks.resolve(file.etag() + ".lock"), link);
        }
      }
      if (!revision.equals(at.commit())) {
        Path ref = folder.resolve("refs").resolve(revision);
        Files.createDirectories(ref.getParent());
        Path part = Files.createTempFile(ref.getParent(), "ref", ".part");
        Files.writeString(part, at.commit());
        Files.move(part, ref, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      }
    } catch (IOException e) {
      throw unwritable(folder, e);
    }
    return snapshot;
  }

  private static DataException unwritable(Path path, IOException e) {
    return new DataException(
        path + ": can't be written: " + HubClient.said(e) + ". Check rights and free space.", e);
  }

  /** Fetches the blob if it isn't there, and links to it. */
  private void download(
      HubClient client,
      String repository,
      HubClient.RemoteFile file,
      Path blob,
      Path lock,
      Path link)
      throws IOException {
    Files.createDirectories(blob.getParent());
    Files.createDirectories(lock.getParent());
    ReentrantLock own = LOCKS.computeIfAbsent(lock.toAbsolutePath(), path -> new ReentrantLock());
    own.lock();
    try (FileChannel channel =
            FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock _ = locked(channel, repository, file)) {
      if (!Files.exists(blob)) {
        fetch(client, repository, file, blob);
      }
      link(link, blob);
    } finally {
      own.unlock();
    }
  }

  private FileLock locked(FileChannel channel, String repository, HubClient.RemoteFile file)
      throws IOException {
    FileLock lock = channel.tryLock();
    if (lock == null) {
      progress.accept(
          "download  " + repository + "/" + file.name() + ": another process has begun; waiting");
      lock = channel.lock();
    }
    return lock;
  }

  private void fetch(HubClient client, String repository, HubClient.RemoteFile file, Path blob)
      throws IOException {
    Path part = blob.resolveSibling(file.etag() + ".incomplete");
    room(file, part);
    retried(
        repository,
        true,
        () -> {
          append(client, repository, file, part);
          return part;
        });
    String sum = checksum(part, file.etag().length() == 64);
    if (!sum.equals(file.etag())) {
      Files.delete(part);
      throw new DataException(
          repository
              + "/"
              + file.name()
              + ": damaged in transit: expected the checksum "
              + file.etag()
              + ", got "
              + sum
              + ". Download again.");
    }
    Files.move(part, blob, StandardCopyOption.ATOMIC_MOVE);
  }

  private static void room(HubClient.RemoteFile file, Path part) throws IOException {
    long there = there(part);
    long free = Files.getFileStore(part.getParent()).getUsableSpace();
    if (file.size() - there > free) {
      throw new DataException(
          file.name()
              + ": no room on the disk of "
              + part.getParent()
              + ": expected "
              + (file.size() - there)
              + " free bytes, got "
              + free
              + ". Make room, or set HF_HUB_CACHE to another disk.");
    }
  }

  private void append(HubClient client, String repository, HubClient.RemoteFile file, Path part)
      throws IOException {
    long there = there(part);
    if (file.size() >= 0 && there == file.size()) {
      return;
    } else if (there > file.size()) {
      there = 0; // damaged, or nobody knows where the end is
    }
    HubClient.Body body = client.open(file, repository, there);
    long done = body.start();
    try (InputStream in = body.stream();
        OutputStream out = opened(part, done > 0)) {
      byte[] buffer = new byte[1 << 16];
      long told = System.nanoTime();
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        try {
          out.write(buffer, 0, n);
        } catch (IOException e) {
          throw unwritable(part, e);
        }
        done += n;
        if (System.nanoTime() - told > PROGRESS) {
          told = System.nanoTime();
          progress.accept(line(repository, file, done));
        }
      }
    }
    if (file.size() >= 0 && done != file.size()) {
      throw new IOException("the connection ended after " + done + " of " + file.size() + " bytes");
    }
    progress.accept(line(repository, file, done));
  }

  // What the disk refuses is no fault of the connection: it is not tried again.
  private static long there(Path part) {
    try {
      return Files.exists(part) ? Files.size(part) : 0;
    } catch (IOException e) {
      throw unwritable(part, e);
    }
  }

  private static OutputStream opened(Path part, boolean append) {
    try {
      return append
          ? Files.newOutputStream(part, StandardOpenOption.APPEND)
          : Files.newOutputStream(part);
    } catch (IOException e) {
      throw unwritable(part, e);
    }
  }

  private static String line(String repository, HubClient.RemoteFile file, long done) {
    return String.format(
        Locale.ROOT,
        "download  %s/%s  %.1f of %.1f MB",
        repository,
        file.name(),
        done / 1e6,
        Math.max(done, file.size()) / 1e6);
  }

  /** SHA-256 of large files, git's SHA-1 of {@code "blob <size>\0"} and the content of others. */
  private static String checksum(Path file, boolean large) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance(large ? "SHA-256" : "SHA-1");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
    if (!large) {
      digest.update(("blob " + Files.size(file) + "\0").getBytes(StandardCharsets.US_ASCII));
    }
    try (InputStream in = Files.newInputStream(file)) {
      byte[] buffer = new byte[1 << 16];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static void link(Path link, Path blob) throws IOException {
    Files.createDirectories(link.getParent());
    if (Files.exists(link)) {
      return; // another process was faster
    }
    Files.deleteIfExists(link); // one whose blob is gone
    try {
      Files.createSymbolicLink(link, link.getParent().relativize(blob));
    } catch (UnsupportedOperationException | IOException noLinks) {
      // under another name first: what has the name is whole
      Path part = Files.createTempFile(link.getParent(), "copy", ".part");
      try {
        Files.copy(blob, part, StandardCopyOption.REPLACE_EXISTING);
        Files.move(part, link, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(part);
      }
    }
  }

  private interface Request<T> {
    T send() throws IOException;
  }

  /**
   * The answer, after several tries if need be.
   *
   * @param reached whether the hub answered before; if not, one that can't be reached is not tried
   *     again
   */
  private <T> T retried(String repository, boolean reached, Request<T> request) {
    long pause = firstPause;
    for (int i = 1; ; i++) {
      try {
        return request.send();
      } catch (IOException e) {
        boolean hopeless = !reached && e instanceof HubClient.Unreachable;
        if (hopeless || i == TRIES) {
          throw new DataException(
              repository
                  + ": can't be downloaded from "
                  + settings.endpoint()
                  + ": "
                  + HubClient.said(e)
                  + ". Check the connection and HF_ENDPOINT"
                  + (reached
                      ? "; what has come is kept, and the next try goes on from there."
                      : "."),
              e);
        }
        progress.accept("download  " + repository + ": " + HubClient.said(e) + "; trying again");
      }
      try {
        Thread.sleep(pause);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new DataException(repository + ": the download was interrupted.", e);
      }
      pause *= 2;
    }
  }
}
