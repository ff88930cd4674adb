#!/usr/bin/env python3
"""Bits per weight, perplexity, speed and memory of one model in every format, from the engine's own commands.

usage: quantization_table.py MODEL TEXT [--jar engine.jar] [--work DIR] [--context 512] [--chunks 8] [--template smollm2] [FORMAT ...]

Prints a Markdown table for docs/quantization.md. Run it alone: it measures speed. The default formats take
less than 8 minutes for SmolLM2-135M on two idle cores; fewer chunks take less.
"""
import argparse
import json
import pathlib
import subprocess
import sys

GGUF = {"Q8_0": "q8_0", "Q6_K": "q6_k", "Q5_K_M": "q5_k_m", "Q4_K_M": "q4_k_m", "Q4_0": "q4_0"}
ON_LOAD = {
    "f32": ["infer_dtype=float32"],
    "bf16": ["infer_dtype=bfloat16"],
    "int8": ["quantization_bit=8"],
    "NF4": ["quantization_bit=4", "quantization_type=nf4"],
    "FP4": ["quantization_bit=4", "quantization_type=fp4"],
    "hqq4": ["quantization_bit=4", "quantization_method=hqq"],
}
CALIBRATED = {"gptq4": "gptq", "awq4": "awq"}


def run(jar, *words):
    result = subprocess.run(["java", "-jar", jar, *words], capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError((result.stderr or result.stdout).strip().splitlines()[-1])
    return result.stdout


def measured(options, name):
    """The model as it is read for this format, exported first where the format is a file's."""
    model, extra = options.model, ON_LOAD.get(name, [])
    template = "template=" + options.template
    if name in GGUF:
        model = f"{options.work}/{name}.gguf"
        run(options.jar, "export", f"model_name_or_path={options.model}", template, "export_format=gguf",
            f"export_gguf_type={GGUF[name]}", f"export_dir={model}")
    elif name in CALIBRATED:
        model = f"{options.work}/{name}"
        texts = pathlib.Path(options.work, "calibration.jsonl")
        words = pathlib.Path(options.text).read_text(encoding="utf-8")
        rows = [words[i:i + 8000] for i in range(len(words) // 2, len(words), 8000)]
        texts.write_text("\n".join(json.dumps({"text": row}) for row in rows), encoding="utf-8")
        run(options.jar, "export", f"model_name_or_path={options.model}", template, f"export_dir={model}",
            "export_quantization_bit=4", f"export_quantization_method={CALIBRATED[name]}",
            f"export_quantization_dataset={texts}", "export_quantization_group_size=64", "export_quantization_nsamples=16",
            "export_quantization_maxlen=512")
    out = run(options.jar, "perplexity", f"model_name_or_path={model}", *extra, "--json",
              "--context", str(options.context), "--chunks", str(options.chunks), options.text)
    return json.loads(out.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("text")
    parser.add_argument("formats", nargs="*", default=[])
    parser.add_argument("--jar", default="engine.jar")
    parser.add_argument("--work", default="quantization-table")
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--chunks", type=int, default=8)
    parser.add_argument("--template", default="smollm2")
    options = parser.parse_args()
    pathlib.Path(options.work).mkdir(parents=True, exist_ok=True)
    print("| format | bits per weight | perplexity | tokens/s | weights MB | peak MB |\n|---|---|---|---|---|---|", flush=True)
    failed = False
    for name in options.formats or [*ON_LOAD, *GGUF, *CALIBRATED]:
        try:
            r = measured(options, name)
            print(f"| {name} | {r['bits_per_weight']:.2f} | {r['perplexity']:.3f} ± {r['error']:.3f} | "
                  f"{r['tokens_per_second']:.0f} | {r['weight_bytes'] / 1e6:.1f} | {r['peak_bytes'] / 1e6:.1f} |", flush=True)
        except RuntimeError as e:
            failed = True
            print(f"| {name} | failed: {e} | | | | |", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
