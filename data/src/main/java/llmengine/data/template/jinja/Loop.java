package llmengine.data.template.jinja;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.BiFunction;

/**
 * The variable {@code loop}: where a loop is. Takes elements from its iterator one ahead at most.
 */
final class Loop {
  private final Object iterable;
  private final int depth;
  private final BiFunction<Object, Integer, Object> recursion;
  private Iterator<Object> iterator;
  private int index = -1;
  private int length = -1;
  private boolean peeked;
  private Object after;
  private Object current = Arguments.ABSENT;
  private Object before = Arguments.ABSENT;
  private List<Object> changed;

  /**
   * @param recursion renders the loop's body for other elements one level deeper; null if the loop
   *     isn't recursive
   */
  Loop(
      Object iterable,
      Iterator<Object> iterator,
      int depth,
      BiFunction<Object, Integer, Object> recursion) {
    this.iterable = iterable;
    this.iterator = iterator;
    this.depth = depth;
    this.recursion = recursion;
  }

  /** Whether there is another element, which becomes {@link #current}. */
  boolean advance() {
    Object element;
    if (peeked) {
      element = after;
      peeked = false;
    } else {
      element = iterator.hasNext() ? iterator.next() : Arguments.ABSENT;
    }
    if (Arguments.isAbsent(element)) {
      return false;
    }
    index++;
    before = current;
    current = element;
    return true;
  }

  Object current() {
    return current;
  }

  private Object peek() {
    if (!peeked) {
      after = iterator.hasNext() ? iterator.next() : Arguments.ABSENT;
      peeked = true;
    }
    return after;
  }

  int length() {
    if (length < 0) {
      if (iterable instanceof Generator) {
        List<Object> rest = new ArrayList<>();
        iterator.forEachRemaining(rest::add);
        iterator = rest.iterator();
        length = rest.size() + index + 1 + (peeked && !Arguments.isAbsent(after) ? 1 : 0);
      } else {
        length = Values.length(iterable);
      }
    }
    return length;
  }

  String repr() {
    return "<LoopContext " + (index + 1) + "/" + length() + ">";
  }

  /** The attribute, or null if there's none of that name. */
  Object attribute(String name, Order order) {
    return switch (name) {
      case "index" -> index + 1L;
      case "index0" -> (long) index;
      case "first" -> index == 0;
      case "last" -> Arguments.isAbsent(peek());
      case "length" -> (long) length();
      case "revindex" -> (long) length() - index;
      case "revindex0" -> (long) length() - index - 1;
      case "depth" -> depth + 1L;
      case "depth0" -> (long) depth;
      case "previtem" -> index == 0 ? new Undefined("there is no previous item") : before;
      case "nextitem" ->
          Arguments.isAbsent(peek()) ? new Undefined("there is no next item") : after;
      case "cycle" -> Function.of("cycle", this::cycle);
      case "changed" -> Function.of("changed", arguments -> changed(arguments, order));
      default -> Arguments.ABSENT;
    };
  }

  private Object cycle(Arguments arguments) {
    if (arguments.positional().isEmpty()) {
      throw new TemplateError("no items for cycling given");
    }
    return arguments.positional().get(index % arguments.positional().size());
  }

  private Object changed(Arguments arguments, Order order) {
    boolean same = changed != null && order.equal(changed, arguments.positional());
    changed = arguments.positional();
    return !same;
  }

  Object call(Arguments arguments) {
    if (recursion == null) {
      throw new TemplateError(
          "The loop must have the 'recursive' marker to be called recursively.");
    }
    return recursion.apply(arguments.bind("loop", 1, "iterable")[0], depth + 1);
  }
}
