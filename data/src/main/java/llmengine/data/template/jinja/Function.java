package llmengine.data.template.jinja;

/** What can be called: a global, a macro, a method bound to its object. */
interface Function {
  /** For messages and printing. */
  String name();

  Object call(Arguments arguments);

  static Function of(String name, java.util.function.Function<Arguments, Object> body) {
    return new Function() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public Object call(Arguments arguments) {
        return body.apply(arguments);
      }
    };
  }
}
