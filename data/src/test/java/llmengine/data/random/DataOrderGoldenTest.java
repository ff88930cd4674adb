package llmengine.data.random;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import llmengine.data.DataException;
import org.junit.jupiter.api.Test;

/** Orders and draws recorded from numpy, torch, datasets and the Hugging Face Trainer. */
class DataOrderGoldenTest {
  private static JsonNode golden(String name) throws IOException {
    Path folder = shared().resolve("golden/data_order");
    assumeTrue(Files.isDirectory(folder), "skipped: no recorded data orders at " + folder);
    return new ObjectMapper().readTree(folder.resolve(name).toFile());
  }

  private static Path shared() {
    String named = System.getProperty("ENGINE_SHARED", System.getenv("ENGINE_SHARED"));
    if (named != null) {
      return Path.of(named);
    }
    Path at = Path.of("").toAbsolutePath();
    while (at != null && !Files.isDirectory(at.resolveSibling("shared"))) {
      at = at.getParent();
    }
    return at == null ? Path.of("../shared") : at.resolveSibling("shared");
  }

  private static int[] ints(JsonNode array) {
    int[] out = new int[array.size()];
    for (int i = 0; i < out.length; i++) {
      out[i] = array.get(i).asInt();
    }
    return out;
  }

  private static double[] doubles(JsonNode array) {
    return array == null || array.isNull()
        ? null
        : new ObjectMapper().convertValue(array, double[].class);
  }

  private static String[] bits(float[] values) {
    String[] out = new String[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = "%08x".formatted(Float.floatToRawIntBits(values[i]));
    }
    return out;
  }

  private static String[] strings(JsonNode array) {
    return new ObjectMapper().convertValue(array, String[].class);
  }

  @Test
  void defaultRngDrawsWhatNumpyDraws() throws IOException {
    for (JsonNode c : golden("numpy_rng.json").get("default_rng")) {
      BigInteger seed = new BigInteger(c.get("seed").asText());
      NumpyRandom raw = new NumpyRandom(seed);
      for (JsonNode draw : c.get("raw64")) {
        assertThat(Long.toUnsignedString(raw.nextLong())).isEqualTo(draw.asText());
      }
      NumpyRandom random = new NumpyRandom(seed);
      for (JsonNode draw : c.get("random")) {
        assertThat(random.nextDouble()).isEqualTo(draw.asDouble());
      }
      for (var entry : c.get("permutation").properties()) {
        assertThat(new NumpyRandom(seed).permutation(Integer.parseInt(entry.getKey())))
            .isEqualTo(ints(entry.getValue()));
      }
      for (var entry : c.get("integers").properties()) {
        NumpyRandom integers = new NumpyRandom(seed);
        long top = Long.parseLong(entry.getKey().substring(3));
        for (JsonNode draw : entry.getValue()) {
          assertThat(integers.integer(top)).as(entry.getKey()).isEqualTo(draw.asLong());
        }
      }
      for (var entry : c.get("choice_p").properties()) {
        double[] p =
            Arrays.stream(entry.getKey().split(",")).mapToDouble(Double::parseDouble).toArray();
        NumpyRandom choice = new NumpyRandom(seed);
        for (JsonNode draw : entry.getValue()) {
          assertThat(choice.choice(p)).isEqualTo(draw.asInt());
        }
      }
      JsonNode row = c.get("three_integers_then_shuffle_list_then_random");
      NumpyRandom mixed = new NumpyRandom(seed);
      for (JsonNode draw : row.get("integers")) {
        assertThat(mixed.integer(9)).isEqualTo(draw.asLong());
      }
      int[] list = new int[12];
      Arrays.setAll(list, i -> i);
      mixed.shuffle(list);
      assertThat(list).isEqualTo(ints(row.get("list")));
      assertThat(mixed.nextDouble()).isEqualTo(row.get("random").asDouble());
    }
  }

  @Test
  void legacyGeneratorDrawsWhatNumpyDraws() throws IOException {
    for (JsonNode c : golden("numpy_rng.json").get("legacy_np_random_seed")) {
      long seed = c.get("seed").asLong();
      LegacyNumpyRandom words = new LegacyNumpyRandom(seed);
      for (JsonNode word : c.get("words32")) {
        assertThat(Integer.toUnsignedLong(words.nextInt())).isEqualTo(word.asLong());
      }
      for (var entry : c.get("permutation").properties()) {
        assertThat(new LegacyNumpyRandom(seed).permutation(Integer.parseInt(entry.getKey())))
            .isEqualTo(ints(entry.getValue()));
      }
      assertThat(new LegacyNumpyRandom(seed).choice(8, 12)).isEqualTo(ints(c.get("choice_8_12")));
      JsonNode row = c.get("in_a_row");
      LegacyNumpyRandom inARow = new LegacyNumpyRandom(seed);
      assertThat(inARow.permutation(10)).isEqualTo(ints(row.get("permutation_10")));
      assertThat(inARow.choice(10, 6)).isEqualTo(ints(row.get("choice_10_6")));
      assertThat(inARow.permutation(8)).isEqualTo(ints(row.get("permutation_8")));
    }
  }

  @Test
  void numSamplesTakesTheSameRows() throws IOException {
    for (JsonNode c : golden("num_samples.json").get("cases")) {
      LegacyNumpyRandom random = new LegacyNumpyRandom(c.get("seed").asLong());
      for (int i = 0; i < c.get("datasets").size(); i++) {
        JsonNode dataset = c.get("datasets").get(i);
        int n = dataset.get("rows").asInt();
        int[] rows = new int[n];
        Arrays.setAll(rows, r -> r);
        if (dataset.hasNonNull("num_samples")) {
          rows = random.sample(n, dataset.get("num_samples").asInt());
        }
        if (c.hasNonNull("max_samples")) {
          rows = Arrays.copyOf(rows, Math.min(rows.length, c.get("max_samples").asInt()));
        }
        assertThat(rows).as(c.toString()).isEqualTo(ints(c.get("rows").get(i)));
      }
    }
  }

  @Test
  void splitHoldsOutTheSameRows() throws IOException {
    for (JsonNode c : golden("split.json").get("cases")) {
      int n = c.get("n").asInt();
      long seed = c.get("seed").asLong();
      JsonNode size = c.get("val_size");
      if (c.has("error")) {
        assertThatThrownBy(() -> ValidationSplit.of(n, size.asDouble(), seed))
            .isInstanceOf(DataException.class)
            .hasMessageContaining("val_size");
        continue;
      }
      ValidationSplit split =
          size.isInt()
              ? ValidationSplit.ofCount(n, size.asInt(), seed)
              : ValidationSplit.of(n, size.asDouble(), seed);
      assertThat(split.train()).as(c.toString()).isEqualTo(ints(c.get("train")));
      assertThat(split.validation()).as(c.toString()).isEqualTo(ints(c.get("validation")));
    }
  }

  @Test
  void mixedDatasetsComeInTheSameOrder() throws IOException {
    JsonNode file = golden("mix.json");
    int checked = 0;
    for (JsonNode c : file.get("cases")) {
      if (!c.get("streaming").asBoolean() && !c.has("error")) {
        check(c, MixOrder.Strategy.valueOf(c.get("strategy").asText().toUpperCase()));
        checked++;
      }
    }
    for (JsonNode c : file.get("interleave_once_in_a_newer_datasets").get("cases")) {
      // without probabilities the recorded map style stops early, though each row is promised once
      if (c.get("streaming").asBoolean() == c.get("probabilities").isNull()) {
        check(c, MixOrder.Strategy.INTERLEAVE_ONCE);
        checked++;
      }
    }
    assertThat(checked).isGreaterThan(20);
  }

  private static void check(JsonNode c, MixOrder.Strategy strategy) {
    MixOrder order =
        MixOrder.of(
            ints(c.get("sizes")),
            strategy,
            doubles(c.get("probabilities")),
            c.get("seed").asLong());
    int[][] pairs = new int[order.rows().length][];
    Arrays.setAll(pairs, i -> new int[] {order.datasets()[i], order.rows()[i]});
    assertThat(pairs)
        .as(c.toString())
        .isDeepEqualTo(new ObjectMapper().convertValue(c.get("order"), int[][].class));
  }

  @Test
  void epochsComeInTheOrderOfTheTrainer() throws IOException {
    for (JsonNode c : golden("trainer_order.json").get("cases")) {
      int n = c.get("n").asInt();
      long seed = c.get("seed").asLong();
      JsonNode epochs = c.get("rows_by_epoch");
      TorchRandom global = new TorchRandom(seed);
      EpochOrder order =
          new EpochOrder(n, c.hasNonNull("data_seed") ? c.get("data_seed").asLong() : seed, true);
      for (int epoch = 0; epoch < epochs.size(); epoch++) {
        int[] rows = ints(epochs.get(epoch));
        if (c.get("use_seedable_sampler").asBoolean()) {
          assertThat(order.epoch(epoch)).isEqualTo(rows);
          assertThat(order.remaining(epoch, 24)).isEqualTo(Arrays.copyOfRange(rows, 24, n));
        } else {
          global.random();
          assertThat(new TorchRandom(global.random()).permutation(n)).isEqualTo(rows);
        }
      }
    }
  }

  @Test
  void torchDrawsHaveTheSameBits() throws IOException {
    JsonNode file = golden("torch_rng.json");
    for (JsonNode c : file.get("randperm")) {
      assertThat(new TorchRandom(c.get("seed").asLong()).permutation(c.get("n").asInt()))
          .isEqualTo(ints(c.get("randperm")));
    }
    for (JsonNode c : file.get("mt19937")) {
      TorchRandom random = new TorchRandom(c.get("seed").asLong());
      for (JsonNode word : c.get("mt19937_words")) {
        assertThat(Integer.toUnsignedLong(random.nextInt())).isEqualTo(word.asLong());
      }
    }
    for (JsonNode c : file.get("sequences")) {
      String call = c.get("call").asText();
      TorchRandom random = new TorchRandom(c.get("seed").asLong());
      if (!call.startsWith("torch.")) {
        assertThat(bits(random.normal(5, 0, 1))).isEqualTo(strings(c.get("bits").get(0)));
        assertThat(bits(random.normal(2, 0, 1))).isEqualTo(strings(c.get("bits").get(1)));
        assertThat(bits(random.normal(20, 0, 1))).isEqualTo(strings(c.get("bits").get(2)));
        continue;
      }
      int count = Integer.parseInt(call.replaceAll("\\D", ""));
      float[] values =
          call.contains("randn") ? random.normal(count, 0, 1) : random.uniform(count, 0, 1);
      assertThat(bits(values)).as(call).isEqualTo(strings(c.get("all_bits")));
      assertThat(bits(random.uniform(2, 0, 1)))
          .as(call)
          .isEqualTo(strings(c.get("then_rand_2_bits")));
    }
    TorchRandom random = new TorchRandom(42);
    for (JsonNode value : file.get("data_loader_base_seed").get("values")) {
      assertThat(random.random()).isEqualTo(value.asLong());
    }
  }

  @Test
  void initialWeightsHaveTheSameBits() throws IOException {
    for (JsonNode c : golden("torch_rng.json").get("init")) {
      String call = c.get("call").asText();
      String[] sizes = call.replaceAll(".*empty\\((\\d+, \\d+)\\).*", "$1").split(", ");
      int rows = Integer.parseInt(sizes[0]);
      int columns = Integer.parseInt(sizes[1]);
      TorchRandom random = new TorchRandom(c.get("seed").asLong());
      float[] values =
          call.startsWith("kaiming")
              ? random.kaimingUniform(rows, columns)
              : random.normal(
                  rows * columns,
                  0,
                  Double.parseDouble(call.replaceAll(".*std=([0-9.]+).*", "$1")));
      String[] expected = strings(c.get("bits"));
      assertThat(Arrays.copyOf(bits(values), expected.length)).as(call).isEqualTo(expected);
    }
  }
}
