package llmengine.data.template.jinja;

/**
 * A piece of a template's source.
 *
 * @param value text of data, names, operators and strings (unescaped); a number for numbers
 */
record Token(int line, Kind kind, Object value) {
  enum Kind {
    DATA,
    BLOCK_BEGIN,
    BLOCK_END,
    VARIABLE_BEGIN,
    VARIABLE_END,
    NAME,
    STRING,
    NUMBER,
    OPERATOR,
    END
  }

  String text() {
    return (String) value;
  }

  boolean isName(String name) {
    return kind == Kind.NAME && value.equals(name);
  }

  boolean isOperator(String sign) {
    return kind == Kind.OPERATOR && value.equals(sign);
  }

  String described() {
    return switch (kind) {
      case DATA -> "text";
      case BLOCK_BEGIN -> "'{%'";
      case BLOCK_END -> "'%}'";
      case VARIABLE_BEGIN -> "'{{'";
      case VARIABLE_END -> "'}}'";
      case END -> "the end of the template";
      case NAME, OPERATOR -> "'" + value + "'";
      case STRING, NUMBER -> Values.repr(value);
    };
  }
}
