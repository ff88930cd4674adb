package llmengine.data.source;

import java.nio.file.Path;

/**
 * One entry of dataset_info.json. {@code path} is a file or a folder of files of one type; {@code
 * numSamples} is 0 when the entry doesn't ask for a random sub-sample.
 */
public record DatasetSpec(
    String name,
    Path path,
    Formatting formatting,
    boolean ranking,
    int numSamples,
    Columns columns,
    boolean columnsGiven,
    Tags tags) {}
