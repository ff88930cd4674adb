// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu.x86;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import llmengine.engine.DeviceException;

/**
 * Whether this process runs machine code of its own, and with which instructions: on x86-64 Linux,
 * if the processor has them and the system lets memory be made executable. The property {@code
 * engine.machineCode} ({@code auto}, {@code off}, {@code avx512_vnni}, {@code avx_vnni}, {@code
 * avx2}) turns it off or chooses less; what cannot be had is an error. Results are bitwise the same
 * without it.
 *
 * <p>Memory is never writable and executable at once. Code stays for the life of the process.
 */
public final class MachineCode {
  private static final int READ = 1;
  private static final int WRITE = 2;
  private static final int EXECUTE = 4;
  private static final int PRIVATE_ANONYMOUS = 0x22;
  private static final Path CPUINFO = Path.of("/proc/cpuinfo");
  private static final byte RETURN = (byte) 0xC3;

  /** The instructions in use, if any, and a sentence about it. */
  record Support(Optional<Isa> isa, String text) {}

  private static volatile Support support;

  /** Calls through one constant handle are inlined; the code's address is an argument. */
  private static final MethodHandle CALL =
      Linker.nativeLinker().downcallHandle(FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG));

  private final MemorySegment entry;

  /** Makes code executable; it takes one pointer by the System V calling convention. */
  MachineCode(byte[] code) {
    this.entry = executable(code);
  }

  /** The best instructions that may be used; empty if there is only portable code. */
  public static Optional<Isa> isa() {
    return support().isa;
  }

  /** Everything that this process could use. */
  public static Set<Isa> available() {
    if (isa().isEmpty()) {
      return Set.of();
    }
    Set<String> flags = processorFlags(CPUINFO);
    return Arrays.stream(Isa.values())
        .filter(isa -> isa.isIn(flags))
        .collect(Collectors.toCollection(() -> EnumSet.noneOf(Isa.class)));
  }

  /** What is used, or why nothing is; for a report. */
  public static String description() {
    return support().text;
  }

  /**
   * Runs it. The thread is not stopped for garbage collection meanwhile, nor does it hold one up.
   */
  void run(long arguments) {
    try {
      CALL.invokeExact(entry, arguments);
    } catch (Throwable impossible) { // machine code throws nothing
      throw new AssertionError(impossible);
    }
  }

  /** What this process uses; a wrong property is told to everyone who asks. */
  private static Support support() {
    Support known = support;
    if (known == null) {
      known =
          detect(
              System.getProperty("engine.machineCode", "auto"),
              System.getProperty("os.name") + " " + System.getProperty("os.arch"),
              processorFlags(CPUINFO),
              () -> new MachineCode(new byte[] {RETURN}).run(0));
      support = known;
    }
    return known;
  }

  /**
   * Chooses what to use. Instructions that are asked for by name and cannot be had are an error,
   * with {@code auto} the reason is kept for the report.
   *
   * @param wanted value of {@code engine.machineCode}
   * @param system name and architecture
   * @param flags of the processor
   * @param trial runs some machine code; throws {@link DeviceException} if that is refused
   */
  static Support detect(String wanted, String system, Set<String> flags, Runnable trial) {
    String name = wanted.toLowerCase(Locale.ROOT);
    if (name.equals("off")) {
      return new Support(Optional.empty(), "portable only: engine.machineCode says off");
    }
    Optional<Isa> forced = name.equals("auto") ? Optional.empty() : Optional.of(named(wanted));
    if (!system.equals("Linux amd64")) {
      return portable(forced, "machine code is made for Linux on x86-64, this is " + system);
    }
    Optional<Isa> best =
        Arrays.stream(Isa.values())
            .filter(isa -> isa.isIn(flags))
            .filter(isa -> forced.isEmpty() || isa == forced.get())
            .findFirst();
    if (best.isEmpty()) {
      Set<String> missing = forced.orElse(Isa.AVX2).missingIn(flags);
      return portable(forced, "the processor lacks " + String.join(", ", missing));
    }
    try {
      trial.run();
    } catch (DeviceException refused) {
      return portable(forced, refused.getMessage());
    }
    return new Support(
        best, "products of generated tokens in machine code of our own: " + lowerCase(best.get()));
  }

  private static Support portable(Optional<Isa> forced, String reason) {
    if (forced.isPresent()) {
      throw new DeviceException(
          "engine.machineCode: "
              + lowerCase(forced.get())
              + " cannot be used here: "
              + reason
              + ". Leave the property out to use what the machine has.");
    }
    return new Support(Optional.empty(), "portable only: " + reason);
  }

  private static String lowerCase(Isa isa) {
    return isa.name().toLowerCase(Locale.ROOT);
  }

  private static Isa named(String name) {
    for (Isa isa : Isa.values()) {
      if (isa.name().equalsIgnoreCase(name)) {
        return isa;
      }
    }
    throw new DeviceException(
        "engine.machineCode: unknown instructions: expected auto, off, avx512_vnni, avx_vnni or"
            + " avx2, got "
            + name
            + ". Leave the property out to use what the processor has.");
  }

  /** The flags of the first processor; they say what the system supports, too. */
  static Set<String> processorFlags(Path cpuinfo) {
    try {
      for (String line : Files.readAllLines(cpuinfo)) {
        if (line.startsWith("flags")) {
          return new HashSet<>(Arrays.asList(line.substring(line.indexOf(':') + 1).split(" ")));
        }
      }
      return Set.of();
    } catch (IOException unreadable) { // a container without /proc: portable code then
      return Set.of();
    }
  }

  private static MemorySegment executable(byte[] code) {
    Linker linker = Linker.nativeLinker();
    SymbolLookup libc = linker.defaultLookup();
    MethodHandle map =
        linker.downcallHandle(
            libc.findOrThrow("mmap"),
            FunctionDescriptor.of(
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_LONG));
    MethodHandle protect =
        linker.downcallHandle(
            libc.findOrThrow("mprotect"),
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_INT));
    long size = (code.length + 4095L) & -4096L;
    try {
      long at = (long) map.invokeExact(0L, size, READ | WRITE, PRIVATE_ANONYMOUS, -1, 0L);
      if (at == -1) {
        throw new DeviceException(
            "machine code: mmap failed: expected " + size + " bytes of memory, got an error.");
      }
      MemorySegment page = MemorySegment.ofAddress(at).reinterpret(size);
      MemorySegment.copy(code, 0, page, ValueLayout.JAVA_BYTE, 0, code.length);
      if ((int) protect.invokeExact(at, size, READ | EXECUTE) != 0) {
        throw new DeviceException("machine code: this system forbids executable memory.");
      }
      return page;
    } catch (DeviceException refused) {
      throw refused;
    } catch (Throwable impossible) { // C functions throw nothing
      throw new AssertionError(impossible);
    }
  }
}
