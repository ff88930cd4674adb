package llmengine.serve.openai;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;
import llmengine.engine.FormatException;
import llmengine.serve.http.ApiException;
import llmengine.serve.http.Exchange;
import llmengine.serve.http.Fields;
import llmengine.serve.schedule.Scheduler;

/** POST /v1/load_lora_adapter and /v1/unload_lora_adapter, in vLLM's shapes. */
public final class AdapterLoading {
  private static final String TEXT = "text/plain; charset=utf-8";

  private final Scheduler scheduler;
  private final Optional<Path> folder;

  /**
   * @param folder under which adapters lie that may be loaded; empty for none
   */
  public AdapterLoading(Scheduler scheduler, Optional<Path> folder) {
    this.scheduler = scheduler;
    this.folder = folder;
  }

  /** Serves an adapter under a name of its own. */
  public void load(Exchange exchange) {
    Fields f = exchange.body();
    String name = f.text("lora_name").orElseThrow(() -> f.missing("lora_name", "a name"));
    String path = f.text("lora_path").orElseThrow(() -> f.missing("lora_path", "a path"));
    f.unsupported("load_inplace", "false");
    f.unsupported("base_model_name", "\"" + scheduler.models().getFirst() + "\"");
    f.end();
    if (name.isBlank()) {
      throw f.invalid("lora_name", "a name", "\"" + name + "\"");
    }
    try {
      scheduler.load(name, within(f, path));
    } catch (FormatException e) {
      throw ApiException.badRequest("lora_path", "invalid_value", e.getMessage());
    } catch (IllegalArgumentException e) {
      throw ApiException.badRequest("lora_name", "invalid_value", e.getMessage());
    }
    exchange.send(
        TEXT, ("Success: LoRA adapter '" + name + "' added.").getBytes(StandardCharsets.UTF_8));
  }

  /** Takes an adapter away; returns when the requests that have it are over. */
  public void unload(Exchange exchange) {
    Fields f = exchange.body();
    String name = f.text("lora_name").orElseThrow(() -> f.missing("lora_name", "a name"));
    f.unsupported("lora_int_id");
    f.end();
    allowed();
    try {
      scheduler.unload(name);
    } catch (IllegalArgumentException e) {
      throw ApiException.notFound(404, "lora_name", "not_found", e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw ApiException.stopping();
    }
    exchange.send(
        TEXT, ("Success: LoRA adapter '" + name + "' removed.").getBytes(StandardCharsets.UTF_8));
  }

  private Path allowed() {
    return folder.orElseThrow(
        () ->
            ApiException.forbidden(
                "adapters: fixed: expected api_adapter_folder in the server's configuration, got"
                    + " none."));
  }

  /** The adapter's folder: no path leads out of the one that was configured. */
  private Path within(Fields f, String path) {
    Path root = allowed();
    try {
      Path real = root.toRealPath();
      Path found = real.resolve(path).toRealPath();
      if (found.startsWith(real)) {
        return found;
      }
    } catch (IOException | InvalidPathException e) {
      throw f.invalid("lora_path", "a folder in api_adapter_folder", "\"" + path + "\"");
    }
    throw f.invalid("lora_path", "a folder in api_adapter_folder", "\"" + path + "\"");
  }
}
