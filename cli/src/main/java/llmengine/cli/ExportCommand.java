package llmengine.cli;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import llmengine.train.config.RunConfig;
import llmengine.train.export.Export;
import llmengine.train.export.ExportCheck;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code engine export}: merges adapters or quantizes, and writes a Hugging Face directory. */
@Command(
    name = "export",
    description = {
      "Merge adapters into their model and write a Hugging Face directory with a Modelfile for"
          + " Ollama; with export_quantization_bit, quantized by GPTQ or AWQ.",
      "Writes only into a new or empty export_dir, or over an earlier export. What was written is"
          + " read back and compared with the source; exit code 1 says that it differs by more than"
          + " its type explains."
    },
    footer =
        "%nExample: engine export model_name_or_path=MODEL adapter_name_or_path=saves/lora"
            + " template=llama3 export_dir=merged"
            + "%n         engine export model_name_or_path=MODEL template=llama3 export_dir=gptq"
            + " export_quantization_bit=4 export_quantization_dataset=texts.jsonl")
final class ExportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private Words words;

  @Override
  public Integer call() {
    RunConfig config = RunConfig.forExport(words.list());
    PrintWriter out = spec.commandLine().getOut();
    config.notes().forEach(out::println);
    Export export = Export.run(config, line -> print(out, line));
    out.printf(
        Locale.ROOT,
        "exported  %,d parameters as %s, %.1f MB in %s%n",
        export.parameters(),
        export.dtype(),
        export.bytes() / 1e6,
        export.folder());
    out.println("files     " + String.join(", ", export.files()));
    export.check().ifPresent(check -> out.println("check     " + check.line()));
    export.quantization().ifPresent(report -> report.lines().forEach(out::println));
    return export.check().stream().allMatch(ExportCheck::holds) ? ExitCode.OK : ExitCode.FAILURE;
  }

  private static void print(PrintWriter out, String line) {
    out.println(line);
    out.flush(); // the work that the line is about lasts
  }
}
