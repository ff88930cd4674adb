package llmengine.engine;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;

/** The block formats on the class path, by name and by GGUF type id. */
public final class BlockFormats {
  private static final Map<String, BlockFormat> BY_NAME = new HashMap<>();
  private static final Map<Integer, BlockFormat> BY_GGUF_TYPE = new HashMap<>();

  static {
    for (BlockFormat format :
        ServiceLoader.load(BlockFormat.class, BlockFormat.class.getClassLoader())) {
      if (BY_NAME.putIfAbsent(format.name(), format) != null) {
        throw new FormatException(
            "block format "
                + format.name()
                + ": found twice: expected one provider, got "
                + BY_NAME.get(format.name()).getClass().getName()
                + " and "
                + format.getClass().getName()
                + ". Remove one jar from the class path.");
      }
      if (format.ggufType() >= 0) {
        BY_GGUF_TYPE.put(format.ggufType(), format);
      }
    }
  }

  private BlockFormats() {}

  /** The format with this name, e.g. {@code Q8_0}. */
  public static Optional<BlockFormat> named(String name) {
    return Optional.ofNullable(BY_NAME.get(name));
  }

  /** The format with this GGUF type id, e.g. 12 for Q4_K. */
  public static Optional<BlockFormat> ofGgufType(int id) {
    return Optional.ofNullable(BY_GGUF_TYPE.get(id));
  }
}
