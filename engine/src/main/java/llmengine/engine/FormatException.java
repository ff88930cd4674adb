// SPDX-License-Identifier: Apache-2.0
package llmengine.engine;

/** A file that can't be used: {@code <where>: <what>: expected ..., got .... <what to do>}. */
public final class FormatException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public FormatException(String message) {
    super(message);
  }

  public FormatException(String message, Throwable cause) {
    super(message, cause);
  }
}
