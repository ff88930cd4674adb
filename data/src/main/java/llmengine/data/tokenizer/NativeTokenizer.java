package llmengine.data.tokenizer;

import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.io.IOException;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import llmengine.data.DataException;

/**
 * The Hugging Face tokenizer library behind its JNI entry points. They are called directly: the
 * wrapper classes around them report usage over the network and build token strings and offsets
 * that nobody reads here.
 */
final class NativeTokenizer {
  private static final Cleaner CLEANER = Cleaner.create();

  static {
    // with a GPU of certain kinds the loader would download another build at run time
    System.setProperty("RUST_FLAVOR", "cpu");
    if (System.getenv("DJL_CACHE_DIR") == null && System.getProperty("DJL_CACHE_DIR") == null) {
      System.setProperty("DJL_CACHE_DIR", privateFolder().toString());
    }
    LibUtils.checkStatus();
  }

  private final long handle;

  /** Builds the tokenizer of a tokenizer.json; {@code where} names it in errors. */
  NativeTokenizer(String where, String json) {
    try {
      handle = TokenizersLibrary.LIB.createTokenizerFromString(json);
    } catch (RuntimeException e) {
      throw new DataException(
          where
              + ": not a usable tokenizer: "
              + e.getMessage()
              + ". Save it again with a current version of the tokenizers library.",
          e);
    }
    long owned = handle;
    CLEANER.register(this, () -> TokenizersLibrary.LIB.deleteTokenizer(owned));
    TokenizersLibrary.LIB.disableTruncation(handle);
    TokenizersLibrary.LIB.disablePadding(handle);
  }

  int[] encode(String text) {
    long encoding = TokenizersLibrary.LIB.encode(handle, text, false);
    try {
      long[] wide = TokenizersLibrary.LIB.getTokenIds(encoding);
      int[] ids = new int[wide.length];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = (int) wide[i];
      }
      return ids;
    } finally {
      TokenizersLibrary.LIB.deleteEncoding(encoding);
      Reference.reachabilityFence(this);
    }
  }

  String decode(long[] ids, boolean skipSpecial) {
    try {
      return TokenizersLibrary.LIB.decode(handle, ids, skipSpecial);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  // the native library is loaded from here unchecked, so nobody else may write to the folder
  private static Path privateFolder() {
    String cache = System.getenv("XDG_CACHE_HOME");
    Path base =
        cache == null || cache.isBlank()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(cache);
    Path folder = base.resolve("llm-engine").resolve("native");
    try {
      Files.createDirectories(folder);
      if (Files.getFileStore(folder).supportsFileAttributeView("posix")) {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
      }
      if (Files.isWritable(folder)) {
        return folder;
      }
      return Files.createTempDirectory("llm-engine-native");
    } catch (IOException e) {
      return temporaryFolder(folder, e);
    }
  }

  private static Path temporaryFolder(Path wanted, IOException reason) {
    try {
      return Files.createTempDirectory("llm-engine-native");
    } catch (IOException e) {
      e.addSuppressed(reason);
      throw new DataException(
          "tokenizer library: no folder to unpack it: expected to write to "
              + wanted
              + " or "
              + System.getProperty("java.io.tmpdir")
              + ". Set XDG_CACHE_HOME to a writable folder.",
          e);
    }
  }
}
