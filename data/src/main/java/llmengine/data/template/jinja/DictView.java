package llmengine.data.template.jinja;

import java.util.List;

/**
 * What {@code keys()}, {@code values()} and {@code items()} of a dict give: a length and elements,
 * but no index.
 *
 * @param kind {@code keys}, {@code values} or {@code items}
 */
record DictView(String kind, List<Object> elements) {}
