#!/usr/bin/env python3
"""Runs one training YAML with engine.jar and with LLaMA-Factory, turn about, and prints rates, peak memory and ratios.

usage: training_beside_llamafactory.py --jar engine.jar --yaml run.yaml [--rounds 2] [--peer DIR/bin/llamafactory-cli]
The YAML names the model, dataset_dir and so on with paths that hold here; output_dir is replaced. The figure compared is
train_samples_per_second of train_results.json, and the peak resident memory of the process tree's largest process.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path


def run(command: list, yaml: Path, out: Path, env: dict) -> tuple[float, float]:
    """Rows per second and peak MiB of one run."""
    text = re.sub(r"(?m)^output_dir:.*$", f"output_dir: {out}", yaml.read_text())
    config = out.parent / f"{out.name}.yaml"
    config.write_text(text)
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-c", WATCH, *command, str(config)], capture_output=True, text=True, env=env)
    if done.returncode:
        sys.exit(f"{command}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    peak = float(done.stderr.strip().splitlines()[-1])
    rate = json.loads((out / "train_results.json").read_text())["train_samples_per_second"]
    return rate, peak


# runs its arguments and prints the largest resident set of any process it waited for
WATCH = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, file=sys.stderr)
sys.exit(code)
"""


def main() -> int:
    p = argparse.ArgumentParser()
    p.add_argument("--jar", required=True)
    p.add_argument("--yaml", required=True)
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--peer", default=os.path.expanduser("~/.cache/engine-peers/python/bin/llamafactory-cli"))
    a = p.parse_args()
    ours = ["java", "-jar", str(Path(a.jar).resolve()), "train"]
    theirs = [a.peer, "train"] if os.access(a.peer, os.X_OK) else None
    if theirs is None:
        print(f"no LLaMA-Factory at {a.peer}: only the engine is measured")
    env = dict(os.environ, DISABLE_VERSION_CHECK="1", CUDA_VISIBLE_DEVICES="", HF_HUB_OFFLINE="1")
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(f"cpu {model}, {os.cpu_count()} cores; {a.yaml}")
    rates = {"engine": [], "llamafactory": []}
    peaks = {"engine": [], "llamafactory": []}
    with tempfile.TemporaryDirectory() as work:
        for round_ in range(a.rounds):
            for name, command in (("engine", ours), ("llamafactory", theirs)):
                if command:
                    rate, peak = run(command, Path(a.yaml), Path(work) / f"{name}-{round_}", env)
                    rates[name].append(rate)
                    peaks[name].append(peak)
                    print(f"{name}: {rate:.3f} rows/s, peak {peak:.0f} MiB", flush=True)
    if theirs:
        speed = statistics.median(rates["engine"]) / statistics.median(rates["llamafactory"])
        memory = statistics.median(peaks["engine"]) / statistics.median(peaks["llamafactory"])
        print(f"ratio engine / llamafactory: {speed:.2f} x rows/s, {memory:.2f} x peak memory")
    return 0


if __name__ == "__main__":
    sys.exit(main())
