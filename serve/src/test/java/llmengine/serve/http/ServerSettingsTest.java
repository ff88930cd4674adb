package llmengine.serve.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import llmengine.serve.TestServer;
import llmengine.train.config.ConfigException;
import llmengine.train.config.RunConfig;
import org.junit.jupiter.api.Test;

class ServerSettingsTest {
  private static final Map<String, String> ENVIRONMENT =
      Map.of(
          "API_HOST",
          "0.0.0.0",
          "API_PORT",
          "9000",
          "API_KEY",
          "a, b",
          "API_MODEL_NAME",
          "tavi",
          "API_VERBOSE",
          "Y",
          "FASTAPI_ROOT_PATH",
          "/llm/");

  private static RunConfig config(String... words) {
    String[] all = new String[words.length + 1];
    all[0] = "model_name_or_path=" + TestServer.MODEL;
    System.arraycopy(words, 0, all, 1, words.length);
    return RunConfig.forInference(java.util.List.of(all));
  }

  @Test
  void theEnvironmentCountsWhereTheConfigurationIsSilent() {
    ServerSettings s = ServerSettings.of(config(), ENVIRONMENT);
    assertThat(s.host()).isEqualTo("0.0.0.0");
    assertThat(s.isLocal()).isFalse();
    assertThat(s.port()).isEqualTo(9000);
    assertThat(s.keys()).containsExactly("a", "b");
    assertThat(s.verbose()).isTrue();
    assertThat(s.rootPath()).isEqualTo("/llm");
    assertThat(ServerSettings.modelName(config(), ENVIRONMENT)).isEqualTo("tavi");
  }

  @Test
  void theConfigurationIsStronger() {
    RunConfig config =
        config(
            "api_host=127.0.0.1",
            "api_port=8000",
            "api_key=c",
            "api_verbose=false",
            "api_root_path=x",
            "api_model_name=m");
    ServerSettings s = ServerSettings.of(config, ENVIRONMENT);
    assertThat(s.isLocal()).isTrue();
    assertThat(s.port()).isEqualTo(8000);
    assertThat(s.keys()).containsExactly("c");
    assertThat(s.verbose()).isFalse();
    assertThat(s.rootPath()).isEqualTo("/x");
    assertThat(ServerSettings.modelName(config, ENVIRONMENT)).isEqualTo("m");
  }

  @Test
  void withoutEitherItIsThisMachineAndNoKey() {
    ServerSettings s = ServerSettings.of(config(), Map.of("API_KEY", ""));
    assertThat(s.isLocal()).isTrue();
    assertThat(s.port()).isEqualTo(8000);
    assertThat(s.keys()).isEmpty();
    assertThat(ServerSettings.modelName(config(), Map.of())).isEqualTo("model");
    assertThatThrownBy(() -> ServerSettings.of(config(), Map.of("API_PORT", "x")))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("API_PORT");
  }
}
