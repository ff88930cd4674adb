// SPDX-License-Identifier: Apache-2.0
package llmengine.engine.cpu;

import static llmengine.engine.cpu.Lanes.F;
import static llmengine.engine.cpu.Lanes.L;
import static llmengine.engine.cpu.Window.ALL;
import static llmengine.engine.cpu.Window.ORDER;

import jdk.incubator.vector.FloatVector;

/** Writes runs of f32. */
final class Store {
  private Store() {}

  /** Overwrites or adds to {@code n} neighbouring floats. */
  static void run(float[] from, int at, int n, long address, boolean accumulate) {
    if (accumulate) {
      add(from, at, n, address);
    } else {
      set(from, at, n, address);
    }
  }

  static void set(float[] from, int at, int n, long address) {
    int i = 0;
    for (int end = n - L; i <= end; i += L) {
      FloatVector.fromArray(F, from, at + i).intoMemorySegment(ALL, address + 4L * i, ORDER);
    }
    for (; i < n; i++) {
      Window.putFloat(address + 4L * i, from[at + i]);
    }
  }

  static void add(float[] from, int at, int n, long address) {
    int i = 0;
    for (int end = n - L; i <= end; i += L) {
      long to = address + 4L * i;
      FloatVector.fromMemorySegment(F, ALL, to, ORDER)
          .add(FloatVector.fromArray(F, from, at + i))
          .intoMemorySegment(ALL, to, ORDER);
    }
    for (; i < n; i++) {
      long to = address + 4L * i;
      Window.putFloat(to, Window.getFloat(to) + from[at + i]);
    }
  }
}
