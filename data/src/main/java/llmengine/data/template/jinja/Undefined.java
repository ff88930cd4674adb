package llmengine.data.template.jinja;

/**
 * What a name or attribute that isn't there evaluates to: empty in output and loops, false in
 * conditions, an error in nearly all else.
 *
 * @param reason says what isn't there
 */
record Undefined(String reason) {

  static Undefined name(String name) {
    return new Undefined("'" + name + "' is undefined");
  }

  /** An attribute or element that the object doesn't have. */
  static Undefined member(Object owner, Object key) {
    String object = owner == null ? "None" : Values.typeName(owner) + " object";
    String kind = key instanceof String ? "attribute" : "element";
    return new Undefined("'" + object + "' has no " + kind + " " + Values.repr(key));
  }

  TemplateError error() {
    return new TemplateError(reason);
  }
}
