#!/usr/bin/env python3
"""Full fine-tuning of the quickstart's model with every optimizer: the table of docs/optimizers.md.

usage: optimizers.py --jar engine.jar [--steps 100] [--only WORD]   (from the repository's root, on an idle machine)
Each runs in a JVM of its own on the same rows in the same order; printed are the size of the optimizer's state as
saved, the most that all tensors took, tokens/s of the whole run (the compiler's warm-up included, so that long runs are
faster), and the mean loss of the last ten steps.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# name, learning rate, settings
RUNS = [
    ("adamw_torch", 1e-3, []),
    ("adamw_8bit", 1e-3, []),
    ("adafactor", 3e-3, []),
    ("lion_32bit", 1e-4, []),
    ("lion_8bit", 1e-4, []),
    ("sgd", 3e-1, []),
    ("adagrad", 1e-2, []),
    ("rmsprop", 1e-3, []),
    ("rmsprop_bnb_8bit", 1e-3, []),
    ("use_galore", 3e-3, ["use_galore=true", "galore_rank=16", "optim=adamw_torch"]),
    ("use_galore, adafactor", 3e-3, ["use_galore=true", "galore_rank=16", "optim=adafactor"]),
    ("use_apollo", 3e-3, ["use_apollo=true", "apollo_rank=16", "optim=adamw_torch"]),
    ("use_galore, layerwise", 3e-3,
     ["use_galore=true", "galore_rank=16", "optim=adamw_torch", "galore_layerwise=true"]),
    ("use_apollo, layerwise", 3e-3,
     ["use_apollo=true", "apollo_rank=16", "optim=adamw_torch", "apollo_layerwise=true"]),
    ("use_badam, ratio", 3e-3, ["use_badam=true", "badam_mode=ratio"]),
    ("use_badam", 3e-3, ["use_badam=true", "badam_switch_interval=10"]),
    ("use_adam_mini", 1e-3, ["use_adam_mini=true"]),
    ("use_muon", 1e-3, ["use_muon=true"]),
]


def main() -> int:
    p = argparse.ArgumentParser()
    p.add_argument("--jar", required=True)
    p.add_argument("--steps", type=int, default=100)
    p.add_argument("--only", default="")
    a = p.parse_args()
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    print(f"cpu {cpu}, {os.cpu_count()} cores; {a.steps} steps of 8 rows, full fine-tuning\n")
    print("| optimizer | learning_rate | state | tensors at most | tokens/s | loss |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as work:
        for name, rate, settings in RUNS:
            if a.only not in name:
                continue
            out = Path(work) / re.sub(r"\W+", "_", name)
            words = settings if settings else [f"optim={name}"]
            command = [
                "java", "-jar", a.jar, "train", "examples/quickstart.yaml", "finetuning_type=full",
                f"output_dir={out}", f"max_steps={a.steps}", f"learning_rate={rate}", "logging_steps=1",
                "sample_prompts=[]", "plot_loss=false", "lr_scheduler_type=constant_with_warmup", "warmup_ratio=0.05",
                "save_strategy=steps", f"save_steps={a.steps}", *words]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{name}: exit {done.returncode}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}")
            state = (out / f"checkpoint-{a.steps}" / "optimizer.safetensors").stat().st_size / 1e6
            speed, most = re.search(r"([\d.]+) tokens/s, tensors at most ([\d.]+ GB)", done.stdout).groups()
            log = [json.loads(line) for line in (out / "trainer_log.jsonl").read_text().splitlines()]
            losses = [line["loss"] for line in log if "loss" in line][-10:]
            loss = sum(losses) / len(losses)
            print(f"| `{name}` | {rate:g} | {state:.1f} MB | {most} | {speed} | {loss:.3f} |", flush=True)
    return 0


sys.exit(main())
