package llmengine.train.export;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import llmengine.engine.DType;
import llmengine.engine.FormatException;
import llmengine.engine.Scope;
import llmengine.engine.Tensor;
import llmengine.engine.file.TensorSource;
import llmengine.nn.Decoder;
import llmengine.nn.Linear;
import llmengine.nn.Parameter;
import llmengine.nn.Sublayer;
import llmengine.nn.generate.Perplexity;
import llmengine.quant.calibrate.CodeGrid;
import llmengine.quant.calibrate.ColumnGroups;
import llmengine.quant.calibrate.Gptq;
import llmengine.quant.calibrate.GroupedCodes;
import llmengine.quant.calibrate.StoredCodes;
import llmengine.train.checkpoint.ModelFolder;
import llmengine.train.checkpoint.WeightFiles;
import llmengine.train.config.ConfigException;
import llmengine.train.config.ExportArguments;
import llmengine.train.config.ExportArguments.CalibratedMethod;
import llmengine.train.config.RunConfig;
import llmengine.train.model.ModelSession;

/**
 * Quantizes the linear layers of a model's blocks with calibration data, block after block, and
 * writes it in the layout of GPTQ or AWQ checkpoints. Embeddings, norms and output projection stay
 * in 16 bits.
 */
final class QuantizedExport {
  private final ExportArguments arguments;
  private final ModelSession session;
  private final CalibrationWindows windows;
  private final Consumer<String> progress;
  private final StoredCodes layout;
  private final CodeGrid grid;

  private QuantizedExport(
      ExportArguments arguments,
      ModelSession session,
      CalibrationWindows windows,
      Consumer<String> progress) {
    this.arguments = arguments;
    this.session = session;
    this.windows = windows;
    this.progress = progress;
    this.layout = isAwq() ? StoredCodes.AWQ : StoredCodes.GPTQ;
    this.grid =
        isAwq()
            ? CodeGrid.awq()
            : CodeGrid.gptq(
                arguments.exportQuantizationBit().orElseThrow(), arguments.exportQuantizationSym());
  }

  private boolean isAwq() {
    return arguments.exportQuantizationMethod() == CalibratedMethod.AWQ;
  }

  /**
   * Draws the calibration texts; no weight is read yet.
   *
   * @param progress takes a line for each block
   * @throws ConfigException if the model is quantized already or the texts do not suffice
   */
  static QuantizedExport of(RunConfig config, ModelSession session, Consumer<String> progress) {
    if (session.files().config().json().path("quantization_config").isObject()) {
      throw quantizedAlready(session);
    }
    ExportArguments arguments = config.export();
    if (arguments.exportQuantizationMaxlen() > session.spec().context()) {
      throw bad(
          "export_quantization_maxlen: longer than the model's context: expected at most "
              + session.spec().context()
              + ", got "
              + arguments.exportQuantizationMaxlen()
              + ".");
    }
    CalibrationWindows windows = CalibrationWindows.draw(arguments, session.tokenizer());
    return new QuantizedExport(arguments, session, windows, progress);
  }

  private static ConfigException quantizedAlready(ModelSession session) {
    return bad(
        "export_quantization_bit: the model is quantized already: expected plain weights, got those"
            + " of "
            + session.files().path()
            + ". Quantize the model that it was made from.");
  }

  private static ConfigException bad(String problem) {
    return new ConfigException(List.of(problem));
  }

  /**
   * Replaces the weights of all linear layers in the blocks by codes.
   *
   * @throws ConfigException if a layer does not fit the layout
   */
  QuantizationReport quantize(Decoder model) {
    check(model);
    int[] ids = windows.heldOutIds();
    Perplexity before = perplexity(model, ids);
    progress.accept(String.format(Locale.ROOT, "source    perplexity %.4f", before.value()));
    Perplexity nearest = roundedToNearest(model, ids);
    progress.accept(String.format(Locale.ROOT, "nearest   perplexity %.4f", nearest.value()));
    calibrate(model);
    Perplexity after = perplexity(model, ids);
    return new QuantizationReport(
        settings(), bitsPerWeight(model), before, nearest, after, windows.unseen());
  }

  private void check(Decoder model) {
    for (Linear layer : model.linears().values()) {
      if (layer.weight().value().dtype() == DType.PACKED) {
        throw quantizedAlready(session);
      }
      try {
        layout.check(
            layer.name(),
            layer.outFeatures(),
            layer.inFeatures(),
            grid.bits(),
            arguments.exportQuantizationGroupSize());
      } catch (FormatException unsuitable) {
        throw bad("export_quantization_bit: " + unsuitable.getMessage());
      }
    }
  }

  private Perplexity perplexity(Decoder model, int[] ids) {
    return Perplexity.of(model, ids, arguments.exportQuantizationMaxlen(), 1);
  }

  /** What the model loses if each weight takes its nearest code; the weights are put back. */
  private Perplexity roundedToNearest(Decoder model, int[] ids) {
    Map<Linear, Tensor> weights = new HashMap<>();
    try (Scope scope = new Scope(model.backend(), "rounded weights")) {
      for (Linear layer : model.linears().values()) {
        weights.put(layer, layer.weight().value());
        ColumnGroups columns =
            ColumnGroups.sequential(layer.inFeatures(), arguments.exportQuantizationGroupSize());
        Gptq nearest = Gptq.roundToNearest(columns, grid);
        GroupedCodes codes = nearest.quantize(scope, layer.weight().value()).codes();
        layer.weight().value(scope.pack(codes));
      }
      return perplexity(model, ids);
    } finally {
      weights.forEach((layer, value) -> layer.weight().value(value));
    }
  }

  private void calibrate(Decoder model) {
    int groupSize = arguments.exportQuantizationGroupSize();
    LayerQuantizer quantizer =
        isAwq()
            ? new AwqLayers(grid, groupSize)
            : new GptqLayers(
                grid,
                new Gptq.Settings(
                    groupSize,
                    arguments.exportQuantizationDescAct(),
                    arguments.exportQuantizationDamp()));
    int layers = model.spec().layers().size();
    try (CalibrationPass texts = new CalibrationPass(model, windows.calibration())) {
      for (int l = 0; l < layers; l++) {
        for (Sublayer half : model.sublayers(l)) {
          quantizer.quantize(model, half, texts);
        }
        progress.accept(String.format(Locale.ROOT, "block     %d of %d", l + 1, layers));
      }
    }
  }

  private double bitsPerWeight(Decoder model) {
    double bits = 0;
    double weights = 0;
    for (Linear layer : model.linears().values()) {
      GroupedCodes codes = (GroupedCodes) layer.weight().value().packing();
      double size = (double) codes.rows() * codes.cols();
      bits += size * grid.bits() + (double) codes.rows() * codes.groups() * (16 + grid.bits());
      weights += size;
    }
    return bits / weights;
  }

  private ObjectNode settings() {
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.put("export_quantization_method", isAwq() ? "awq" : "gptq");
    json.put("export_quantization_bit", grid.bits());
    json.put("export_quantization_group_size", arguments.exportQuantizationGroupSize());
    if (!isAwq()) {
      json.put("export_quantization_sym", arguments.exportQuantizationSym());
      json.put("export_quantization_desc_act", arguments.exportQuantizationDescAct());
      json.put("export_quantization_damp", arguments.exportQuantizationDamp());
    }
    json.put(
        "export_quantization_dataset",
        arguments.exportQuantizationDataset().orElseThrow().toString());
    json.put("export_quantization_nsamples", arguments.exportQuantizationNsamples());
    json.put("export_quantization_maxlen", arguments.exportQuantizationMaxlen());
    return json;
  }

  /** Bits of a code. */
  int bits() {
    return grid.bits();
  }

  /** Weights and configuration; what is not quantized is stored as float16. */
  void write(Path folder, Decoder model, long maxShardBytes) throws IOException {
    List<TensorSource> sources = new ArrayList<>();
    for (Parameter p : model.parameters().values()) {
      if (p.value().dtype() == DType.PACKED) {
        String layer = p.name().substring(0, p.name().length() - ".weight".length());
        sources.addAll(layout.tensors(layer, (GroupedCodes) p.value().packing()));
      } else {
        sources.add(WeightFiles.source(p.name(), p.value(), DType.F16));
      }
    }
    ModelFolder.write(
        folder, session, model, DType.F16, sources, quantizationConfig(), maxShardBytes);
  }

  /** {@code quantization_config} as transformers reads it. */
  private ObjectNode quantizationConfig() {
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.put("quant_method", isAwq() ? "awq" : "gptq");
    json.put("bits", grid.bits());
    json.put("group_size", arguments.exportQuantizationGroupSize());
    if (isAwq()) {
      json.put("zero_point", true);
      json.put("version", "gemm");
      return json;
    }
    json.put("damp_percent", arguments.exportQuantizationDamp());
    json.put("desc_act", arguments.exportQuantizationDescAct());
    json.put("act_group_aware", !arguments.exportQuantizationDescAct());
    json.put("sym", arguments.exportQuantizationSym());
    json.put("true_sequential", true);
    json.put("lm_head", false);
    json.put("checkpoint_format", "gptq");
    json.put("pack_dtype", "int32");
    return json;
  }
}
