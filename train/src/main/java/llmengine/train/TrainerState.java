package llmengine.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Where a run stands, beside weights and optimizer: everything that resuming needs. Written as the
 * Hugging Face Trainer's {@code trainer_state.json}, with our own part under {@code llm_engine}.
 */
public final class TrainerState {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Optimizer steps done, of how many. */
  int step;

  int totalSteps;

  /** Passes over the data done, as a fraction. */
  double epoch;

  /** Where the next step's rows start: an epoch and the number of its rows already used. */
  int nextEpoch;

  int nextPosition;

  /** Sum of the steps' losses, over all and since the last log line. */
  double lossSum;

  double lossSinceLog;
  int lastLoggedStep;

  /** What the objective's metrics are made of, since the last log line. */
  final Map<String, Double> sums = new LinkedHashMap<>();

  /** What the objective itself must know to go on. */
  Map<String, Double> objective = new LinkedHashMap<>();

  long tokensSeen;
  double floatingPointOperations;

  /** Best value of the metric that decides, the step and the folder it belongs to. */
  Optional<Double> bestMetric = Optional.empty();

  int bestStep;
  Optional<String> bestCheckpoint = Optional.empty();

  /** Evaluations in a row without a better metric. */
  int evaluationsWithoutGain;

  /** State of a scheduler that looks at the metric; empty for all others. */
  Map<String, Double> schedulerState = new LinkedHashMap<>();

  /** Whether the best evaluation so far was at this step. */
  public boolean bestAt(int someStep) {
    return bestMetric.isPresent() && bestStep == someStep;
  }

  /** The folder of the best checkpoint. */
  public Optional<String> bestCheckpoint() {
    return bestCheckpoint;
  }

  public void bestCheckpoint(Path folder) {
    bestCheckpoint = Optional.of(folder.toString());
  }

  /** All log lines, oldest first. */
  final List<Map<String, Object>> logHistory = new ArrayList<>();

  public int step() {
    return step;
  }

  public int totalSteps() {
    return totalSteps;
  }

  public double epoch() {
    return epoch;
  }

  public List<Map<String, Object>> logHistory() {
    return logHistory;
  }

  /** The file's content. */
  public ObjectNode toJson(int trainBatchSize, Steps steps) {
    ObjectNode json = JSON.createObjectNode();
    json.set(
        "best_global_step", bestMetric.isPresent() ? JSON.valueToTree(bestStep) : JSON.nullNode());
    json.put("best_metric", bestMetric.orElse(null));
    json.put("best_model_checkpoint", bestCheckpoint.orElse(null));
    json.put("epoch", epoch);
    json.put("eval_steps", steps.eval());
    json.put("global_step", step);
    json.put("is_hyper_param_search", false);
    json.put("is_local_process_zero", true);
    json.put("is_world_process_zero", true);
    json.set("log_history", JSON.valueToTree(logHistory));
    json.put("logging_steps", steps.logging());
    json.put("max_steps", totalSteps);
    json.put("num_input_tokens_seen", tokensSeen);
    json.put("num_train_epochs", steps.epochs());
    json.put("save_steps", steps.save());
    json.put("total_flos", floatingPointOperations);
    json.put("train_batch_size", trainBatchSize);
    ObjectNode own = json.putObject("llm_engine");
    own.put("next_epoch", nextEpoch);
    own.put("next_position", nextPosition);
    own.put("loss_sum", lossSum);
    own.put("loss_since_log", lossSinceLog);
    own.put("last_logged_step", lastLoggedStep);
    own.put("evaluations_without_gain", evaluationsWithoutGain);
    putNumbers(own, "scheduler", schedulerState);
    putNumbers(own, "sums_since_log", sums);
    putNumbers(own, "objective", objective);
    return json;
  }

  /** The intervals that the file mentions. */
  public record Steps(int logging, int eval, int save, int epochs) {}

  /** Reads what {@link #toJson} wrote; {@code where} names the file. */
  public static TrainerState fromJson(String where, JsonNode json) {
    JsonNode own = json.path("llm_engine");
    if (!own.isObject()) {
      throw new TrainException(
          where
              + ": can't be resumed: expected a checkpoint written by this engine, got one without"
              + " its part \"llm_engine\". Start anew with overwrite_output_dir: true, or give the"
              + " folder as model or adapter.");
    }
    TrainerState s = new TrainerState();
    s.step = json.path("global_step").asInt();
    s.totalSteps = json.path("max_steps").asInt();
    s.epoch = json.path("epoch").asDouble();
    s.tokensSeen = json.path("num_input_tokens_seen").asLong();
    s.floatingPointOperations = json.path("total_flos").asDouble();
    if (json.path("best_metric").isNumber()) {
      s.bestMetric = Optional.of(json.path("best_metric").asDouble());
      s.bestStep = json.path("best_global_step").asInt();
      s.bestCheckpoint = Optional.ofNullable(json.path("best_model_checkpoint").textValue());
    }
    s.nextEpoch = own.path("next_epoch").asInt();
    s.nextPosition = own.path("next_position").asInt();
    s.lossSum = own.path("loss_sum").asDouble();
    s.lossSinceLog = own.path("loss_since_log").asDouble();
    s.lastLoggedStep = own.path("last_logged_step").asInt();
    s.evaluationsWithoutGain = own.path("evaluations_without_gain").asInt();
    numbers(own, "scheduler", s.schedulerState);
    numbers(own, "sums_since_log", s.sums);
    numbers(own, "objective", s.objective);
    for (JsonNode entry : json.path("log_history")) {
      Map<String, Object> line = new LinkedHashMap<>();
      entry.fields().forEachRemaining(e -> line.put(e.getKey(), plain(e.getValue())));
      s.logHistory.add(line);
    }
    return s;
  }

  /** As text: JSON has no infinities. */
  private static void putNumbers(ObjectNode json, String field, Map<String, Double> numbers) {
    ObjectNode object = json.putObject(field);
    numbers.forEach((name, value) -> object.put(name, Double.toString(value)));
  }

  private static void numbers(JsonNode json, String field, Map<String, Double> to) {
    json.path(field)
        .fields()
        .forEachRemaining(e -> to.put(e.getKey(), Double.valueOf(e.getValue().asText())));
  }

  private static Object plain(JsonNode value) {
    return value.isIntegralNumber()
        ? (Object) value.asLong()
        : value.isNumber() ? value.asDouble() : value.asText();
  }
}
