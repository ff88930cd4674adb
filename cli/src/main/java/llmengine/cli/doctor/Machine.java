package llmengine.cli.doctor;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import llmengine.engine.DeviceException;
import llmengine.engine.cpu.x86.MachineCode;

/** The Java, cores, memory and disk that a run would have. */
public final class Machine {
  /** Below this a small model's step with its data and JVM hardly fits. */
  private static final long LITTLE_MEMORY = 2L << 30;

  private static final long LITTLE_DISK = 1L << 30;

  private Machine() {}

  /** What this JVM may use, and the disk that holds a folder. */
  public static List<Finding> findings(Path folder) {
    List<Finding> findings = new ArrayList<>();
    findings.add(java());
    findings.add(cores());
    findings.add(code());
    findings.add(memory(ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class)));
    findings.add(heap());
    findings.add(disk(folder.toAbsolutePath()));
    return findings;
  }

  private static Finding code() {
    try {
      return Finding.good("code", MachineCode.description());
    } catch (DeviceException wrong) {
      return new Finding("code", "the property engine.machineCode is wrong", wrong.getMessage());
    }
  }

  private static Finding java() {
    String collector =
        ManagementFactory.getGarbageCollectorMXBeans().stream()
            .map(GarbageCollectorMXBean::getName)
            .collect(Collectors.joining(", "));
    return Finding.good(
        "java",
        Runtime.version()
            + " ("
            + System.getProperty("java.vm.name")
            + "), "
            + System.getProperty("os.name")
            + " "
            + System.getProperty("os.arch")
            + ", collector "
            + collector);
  }

  private static Finding cores() {
    return Finding.good("cores", Integer.toString(Runtime.getRuntime().availableProcessors()));
  }

  /** The JDK's figure already is the smaller one of the machine's and the container's. */
  private static Finding memory(OperatingSystemMXBean system) {
    long total = system.getTotalMemorySize();
    OptionalLong machine = procMemory("MemTotal");
    OptionalLong available = procMemory("MemAvailable");
    long free = Math.min(available.orElse(system.getFreeMemorySize()), total);
    String text = Bytes.text(total) + ", " + Bytes.text(free) + " available";
    if (machine.isPresent() && machine.getAsLong() > total) {
      text += " (limit of this container; the machine has " + Bytes.text(machine.getAsLong()) + ")";
    }
    String advice =
        free < LITTLE_MEMORY
            ? "Little memory is free: close programs or take a smaller model."
            : "";
    return new Finding("memory", text, advice);
  }

  private static Finding heap() {
    return Finding.good(
        "heap",
        Bytes.text(Runtime.getRuntime().maxMemory())
            + " for text and bookkeeping (ENGINE_JAVA_OPTS=-Xmx4g changes it); tensors are"
            + " off-heap, limited by the memory only");
  }

  private static Finding disk(Path folder) {
    try {
      FileStore store = Files.getFileStore(folder);
      long free = store.getUsableSpace();
      String text =
          Bytes.text(free) + " free of " + Bytes.text(store.getTotalSpace()) + " in " + folder;
      if (!Files.isWritable(folder)) {
        return new Finding(
            "disk", text, "This folder cannot be written to: give an output_dir elsewhere.");
      }
      return new Finding(
          "disk", text, free < LITTLE_DISK ? "Little space: checkpoints may not fit." : "");
    } catch (IOException e) {
      return new Finding(
          "disk", folder.toString(), "Its free space cannot be read: " + e.getMessage());
    }
  }

  /** A figure of /proc/meminfo in bytes; empty where there is no such file. */
  private static OptionalLong procMemory(String key) {
    Path file = Path.of("/proc/meminfo");
    if (!Files.isReadable(file)) {
      return OptionalLong.empty();
    }
    try {
      for (String line : Files.readAllLines(file)) {
        if (line.startsWith(key + ":")) {
          return OptionalLong.of(Long.parseLong(line.replaceAll("\\D", "")) * 1024);
        }
      }
    } catch (IOException unreadable) {
      return OptionalLong.empty();
    }
    return OptionalLong.empty();
  }
}
