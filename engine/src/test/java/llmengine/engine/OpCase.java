// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

import java.util.function.Consumer;

/**
 * One thing every backend has to compute like the reference.
 *
 * @param op what is tested, the group it is listed under
 * @param detail shape and options
 * @param poisoned whether to run it again with one NaN and one infinity in each operand
 * @param small cheap enough for a process whose vectors are emulated
 * @param body creates operands and reports results through the run it is given
 */
record OpCase(String op, String detail, boolean poisoned, boolean small, Consumer<OpRun> body) {
  String name() {
    return op + " " + detail;
  }
}
