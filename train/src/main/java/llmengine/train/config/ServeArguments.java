package llmengine.train.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How {@code serve} offers a model on the network; chat takes these keys without effect, so that
 * one file does for both. What the environment says, under LLaMA-Factory's names, counts where the
 * configuration is silent: API_HOST, API_PORT, API_KEY, API_MODEL_NAME, API_VERBOSE,
 * FASTAPI_ROOT_PATH, MAX_CONCURRENT.
 */
@Section("Serving")
public record ServeArguments(
    @Key(own = true, preset = "127.0.0.1", doc = "Address to listen at; 0.0.0.0 is the network.")
        String apiHost,
    @Key(own = true, preset = "8000", min = 0, max = 65535, doc = "Port; 0 takes a free one.")
        int apiPort,
    @Key(
            own = true,
            preset = "[]",
            doc =
                "Keys of which a request must bring one; none asks for none. API_KEY keeps them out"
                    + " of files and process lists.")
        List<String> apiKey,
    @Key(
            own = true,
            doc = "Name of the model in requests; null is the last part of model_name_or_path.")
        Optional<String> apiModelName,
    @Key(own = true, preset = "false", doc = "Prints a line for every request.") boolean apiVerbose,
    @Key(
            own = true,
            doc = "Path under which a proxy offers the server, such as /llm; both work here.")
        Optional<String> apiRootPath,
    @Key(
            own = true,
            preset = "[]",
            doc = "Origins whose pages may call, such as https://example.org; * for all.")
        List<String> apiCorsOrigins,
    @Key(own = true, preset = "16", above = 0, doc = "Largest request body in MB.")
        double apiBodyLimitMb,
    @Key(
            own = true,
            preset = "600",
            above = 0,
            doc = "Seconds that a request may take, its time in the queue included.")
        double apiTimeLimit,
    @Key(
            own = true,
            preset = "30",
            above = 0,
            doc = "Seconds that a client has to send its request.")
        double apiReadTimeLimit,
    @Key(
            own = true,
            preset = "30",
            min = 0,
            doc = "Seconds that running requests have to finish when the server is told to stop.")
        double apiDrainTime,
    @Key(
            own = true,
            preset = "256",
            min = 1,
            doc = "Requests that may wait; one more is refused with 429.")
        int apiQueueLimit,
    @Key(
            own = true,
            preset = "64",
            min = 1,
            max = 65536,
            doc = "Answers that are written at once; further requests wait.")
        int apiMaxConcurrent,
    @Key(
            own = true,
            doc = "Adapters served beside the model, as {name: folder}; requests name them.")
        Map<String, Object> loraModules,
    @Key(
            own = true,
            doc = "Folder of adapters that requests may load while serving; null allows none.")
        Optional<Path> apiAdapterFolder,
    @Key(
            own = true,
            above = 0,
            doc =
                "GB for keys and values of all requests, taken at the start; null is a context for"
                    + " each answer, at most 4.3 or one context, and half of the free memory.")
        Optional<Double> kvCacheGb) {}
