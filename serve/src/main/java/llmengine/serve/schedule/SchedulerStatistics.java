package llmengine.serve.schedule;

/**
 * What a {@link Scheduler} does now and has done so far.
 *
 * @param running answers and texts that run
 * @param waiting requests that wait
 * @param usedBlocks blocks of keys and values that running answers hold
 * @param cachedBlocks blocks kept for prompts that begin alike
 * @param freeBlocks the others
 * @param promptTokens tokens that ran as prompts so far
 * @param cachedPromptTokens tokens of prompts that did not have to run
 * @param generatedTokens tokens of answers so far
 * @param preemptions answers that gave their blocks to older ones, to be computed again
 * @param finished requests that ended, whichever way
 */
public record SchedulerStatistics(
    int running,
    int waiting,
    int usedBlocks,
    int cachedBlocks,
    int freeBlocks,
    long promptTokens,
    long cachedPromptTokens,
    long generatedTokens,
    long preemptions,
    long finished) {
  SchedulerStatistics withWaiting(int now) {
    return new SchedulerStatistics(
        running,
        now,
        usedBlocks,
        cachedBlocks,
        freeBlocks,
        promptTokens,
        cachedPromptTokens,
        generatedTokens,
        preemptions,
        finished);
  }
}
