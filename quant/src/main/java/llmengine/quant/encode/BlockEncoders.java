package llmengine.quant.encode;

import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/** The block encoders on the class path, by the name of their format. */
public final class BlockEncoders {
  private static final Map<String, BlockEncoder> BY_NAME = new TreeMap<>();

  static {
    for (BlockEncoder encoder :
        ServiceLoader.load(BlockEncoder.class, BlockEncoder.class.getClassLoader())) {
      BY_NAME.put(encoder.name(), encoder);
    }
  }

  private BlockEncoders() {}

  /** The encoder of the format with this name, e.g. {@code Q8_0}. */
  public static Optional<BlockEncoder> named(String name) {
    return Optional.ofNullable(BY_NAME.get(name));
  }

  /** Names of all formats that can be written. */
  public static SortedSet<String> names() {
    return new TreeSet<>(BY_NAME.keySet());
  }
}
