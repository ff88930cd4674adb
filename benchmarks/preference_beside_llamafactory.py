#!/usr/bin/env python3
"""Stages dpo and kto with engine.jar and with LLaMA-Factory, turn about: rows/s, peak memory, ratios.

usage: preference_beside_llamafactory.py --jar engine.jar --model DIR --data DIR [--rounds 2] [--steps 6] [--stages dpo kto]
       [--peer DIR/bin/llamafactory-cli]
DIR of --data holds dataset_info.json with dpo_en_demo and kto_en_demo. The engine runs twice a round: `first` with an empty
cache, so that the reference is computed, and `again`, as later epochs and runs are, with the reference's log-probabilities
on disk. Compared is train_samples_per_second of train_results.json. Peak memory is that of the largest process.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

COMMON = {
    "do_train": True, "finetuning_type": "lora", "lora_target": "all", "lora_rank": 8, "template": "smollm2", "cutoff_len": 512,
    "preprocessing_num_workers": 1, "dataloader_num_workers": 0, "overwrite_output_dir": True, "gradient_accumulation_steps": 2,
    "learning_rate": 5.0e-5, "lr_scheduler_type": "cosine", "logging_steps": 1, "save_strategy": "no", "report_to": "none",
    "disable_shuffling": True, "max_samples": 100, "pref_beta": 0.1,
}
STAGES = {
    "dpo": {"stage": "dpo", "pref_loss": "sigmoid", "dataset": "dpo_en_demo", "per_device_train_batch_size": 2},
    "kto": {"stage": "kto", "dataset": "kto_en_demo", "per_device_train_batch_size": 4},
}

# runs its arguments and prints the largest resident set of any process it waited for
WATCH = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, file=sys.stderr)
sys.exit(code)
"""


def run(command: list, keys: dict, out: Path, env: dict) -> tuple[float, float]:
    """Rows per second and peak MiB of one run."""
    config = out.parent / f"{out.name}.yaml"
    config.write_text("".join(f"{k}: {json.dumps(v)}\n" for k, v in {**keys, "output_dir": str(out)}.items()))
    done = subprocess.run([sys.executable, "-c", WATCH, *command, str(config)], capture_output=True, text=True, env=env)
    if done.returncode:
        sys.exit(f"{command} {config}: exit {done.returncode}\n{done.stderr[-2000:]}")
    rate = json.loads((out / "train_results.json").read_text())["train_samples_per_second"]
    return rate, float(done.stderr.strip().splitlines()[-1])


def main() -> int:
    p = argparse.ArgumentParser()
    p.add_argument("--jar", required=True)
    p.add_argument("--model", required=True)
    p.add_argument("--data", required=True)
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--steps", type=int, default=6)
    p.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    p.add_argument("--peer", default=os.path.expanduser("~/.cache/engine-peers/python/bin/llamafactory-cli"))
    a = p.parse_args()
    ours = ["java", "-jar", str(Path(a.jar).resolve()), "train"]
    theirs = [a.peer, "train"] if os.access(a.peer, os.X_OK) else None
    if theirs is None:
        print(f"no LLaMA-Factory at {a.peer}: only the engine is measured")
    peer_env = dict(os.environ, DISABLE_VERSION_CHECK="1", CUDA_VISIBLE_DEVICES="", HF_HUB_OFFLINE="1")
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(f"cpu {cpu}, {os.cpu_count()} cores; {a.model}, {a.steps} steps")
    for stage in a.stages:
        keys = {**COMMON, **STAGES[stage], "max_steps": a.steps, "model_name_or_path": str(Path(a.model).resolve()),
                "dataset_dir": str(Path(a.data).resolve())}
        rates = {}
        with tempfile.TemporaryDirectory() as work:
            for round_ in range(a.rounds):
                env = dict(os.environ, ENGINE_CACHE=str(Path(work) / f"cache-{round_}"))
                runs = [("engine first", ours, env), ("llamafactory", theirs, peer_env), ("engine again", ours, env)]
                for name, command, where in runs:
                    if command:
                        rate, peak = run(command, keys, Path(work) / f"{name.replace(' ', '-')}-{round_}", where)
                        rates.setdefault(name, []).append(rate)
                        print(f"{stage} {name}: {rate:.3f} rows/s, peak {peak:.0f} MiB", flush=True)
        if theirs:
            peer = statistics.median(rates["llamafactory"])
            for name in ("engine first", "engine again"):
                print(f"{stage} ratio {name} / llamafactory: {statistics.median(rates[name]) / peer:.2f} x rows/s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
