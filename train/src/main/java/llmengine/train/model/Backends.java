package llmengine.train.model;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import llmengine.engine.Backend;
import llmengine.engine.cpu.VectorBackend;
import llmengine.train.config.ModelArguments.WeightType;
import llmengine.train.config.RunConfig;
import llmengine.train.config.RunConfig.Command;

/** Opens the backend that a configuration asks for. */
public final class Backends {
  /**
   * Room left to the heap, the JVM and the rest of the machine when no memory_limit_gb is given.
   */
  private static final double SHARE = 0.9;

  private Backends() {}

  public static Backend open(RunConfig config) {
    // read once, when the thread team starts
    config.engine().threads().ifPresent(n -> System.setProperty("engine.threads", n.toString()));
    VectorBackend backend = new VectorBackend();
    backend.eightBitActivations(eightBitActivations(config));
    backend.memory().limit(memoryLimit(config));
    return backend;
  }

  /** Whether generated tokens meet the codes of GGUF types with activations in 8 bits. */
  public static boolean eightBitActivations(RunConfig config) {
    return switch (config.engine().quantizedActivations()) {
      case INT8 -> true;
      case FLOAT32 -> false;
      case AUTO ->
          config.command() == Command.INFER && config.model().inferDtype() != WeightType.FLOAT32;
    };
  }

  /** Bytes that tensors may take. */
  public static long memoryLimit(RunConfig config) {
    return config
        .engine()
        .memoryLimitGb()
        .map(gigabytes -> (long) (gigabytes * 1e9))
        .orElseGet(() -> (long) (SHARE * machineMemory()));
  }

  /**
   * Bytes of activations that a run keeps though its blocks are computed again in the backward
   * pass.
   *
   * @param planned bytes of the run that keeps none
   */
  public static long keptActivations(RunConfig config, long planned) {
    if (config.engine().keptActivationsGb().isPresent()) {
      return (long) (config.engine().keptActivationsGb().get() * 1e9);
    }
    boolean limited = config.engine().memoryLimitGb().isPresent();
    long most = limited ? (long) (SHARE * memoryLimit(config)) : machineMemory() / 2;
    return config.training().gradientCheckpointing() ? 0 : Math.max(0, most - planned);
  }

  /** Memory of the machine or of the container. */
  public static long machineMemory() {
    return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
  }
}
