package llmengine.data.template.jinja;

import java.util.Iterator;

/** What filters like {@code map} give: elements that can be taken once, and no length. */
record Generator(Iterator<Object> elements) {}
