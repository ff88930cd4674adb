package llmengine.data.template.jinja;

import java.util.LinkedHashMap;
import java.util.Map;

/** The one object whose attributes a template can set. */
final class Namespace {
  final Map<String, Object> attributes = new LinkedHashMap<>();
}
