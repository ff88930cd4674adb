#!/usr/bin/env python3
"""Repeats recorded runs of LLaMA-Factory with engine.jar and prints a table of what differs.

usage: recorded_runs.py --jar engine.jar --runs DIR --model DIR --data DIR [--out DIR] [--threads N] [NAME ...]
DIR of --runs holds a folder for each run with its run.yaml (paths are replaced; adapters are relative to the folder) and
log_history.json, the log of its trainer_state.json. Outputs go to --out; a run that is complete there is only compared.
A cell is the largest difference of a key over all steps: relative, or absolute in brackets where values are below 0.1.
A run holds if each difference is at most 1e-3 relative or 1e-4 absolute; grad_norm and logits are shown without a bound.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SKIPPED = re.compile(r"^(step|epoch|learning_rate|total_flos|train_loss)$|runtime|per_second|memory")
UNBOUNDED = re.compile(r"grad_norm|logits/")
COLUMNS = {"loss": "loss|eval_loss|sft_loss|odds_ratio_loss", "grad_norm": "grad_norm", "rewards, margins": "rewards/(chosen|rejected|margins)",
           "accuracies": "rewards/accuracies", "logps": "logps/.*", "kl": "kl", "logits": "logits/.*"}


def prepared(run: Path, out: Path, a) -> Path:
    """The run's YAML with this machine's paths, beside its output."""
    places = {"model_name_or_path": a.model, "ref_model": a.model, "dataset_dir": a.data, "output_dir": str(out)}
    lines = []
    for line in (run / "run.yaml").read_text().splitlines():
        key, _, value = line.partition(":")
        if key in ("adapter_name_or_path", "reward_model"):
            line = f"{key}: {(run / value.strip()).resolve()}"
        elif key in places:
            line = f"{key}: {Path(places[key]).resolve()}"
        lines.append(line)
    file = out.parent / f"{out.name}.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file


def differences(want: list, got: list) -> dict:
    """By key: (relative, absolute) of the step that differs most; infinite if a step or key is missing."""
    have = {(e.get("step"), k): v for e in got for k, v in e.items()}
    worst = {}
    for entry in want:
        for key, value in entry.items():
            if SKIPPED.search(key) or not isinstance(value, (int, float)):
                continue
            mine = have.get((entry["step"], key))
            absolute = abs(mine - value) if isinstance(mine, (int, float)) else float("inf")
            relative = absolute / abs(value) if abs(value) >= 0.1 else None
            rank = relative if relative is not None else absolute * 10
            if key not in worst or rank > worst[key][0]:
                worst[key] = (rank, relative, absolute)
    return worst


def cell(worst: dict, pattern: str) -> str:
    found = [w for k, w in worst.items() if re.fullmatch(pattern, k)]
    if not found:
        return ""
    _, relative, absolute = max(found)
    return "0" if absolute == 0 else f"{relative:.1e}" if relative is not None else f"({absolute:.1e})"


def main() -> int:
    p = argparse.ArgumentParser()
    for name in ("jar", "runs", "model", "data"):
        p.add_argument(f"--{name}", required=True)
    p.add_argument("--out", default=tempfile.mkdtemp(prefix="recorded-"))
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("names", nargs="*")
    a = p.parse_args()
    out = Path(a.out).resolve()
    runs = sorted(d for d in Path(a.runs).iterdir() if (d / "log_history.json").exists() and (not a.names or d.name in a.names))
    print("| run | steps | " + " | ".join(COLUMNS) + " | |")
    print("|" + "---|" * (len(COLUMNS) + 3))
    short = 0
    for run in runs:
        state = out / run.name / "trainer_state.json"
        if not state.exists():
            command = ["java", "-jar", str(Path(a.jar).resolve()), "train", str(prepared(run, out / run.name, a)), f"threads={a.threads}"]
            done = subprocess.run(command, capture_output=True, text=True, cwd=out)
            if done.returncode:
                sys.exit(f"{run.name}: exit {done.returncode}\n{done.stderr[-2000:]}")
        want = json.loads((run / "log_history.json").read_text())
        worst = differences(want, json.loads(state.read_text())["log_history"])
        bad = [k for k, (_, r, ab) in worst.items() if not UNBOUNDED.search(k) and not (ab <= 1e-4 or r is not None and r <= 1e-3)]
        short += bool(bad)
        cells = [cell(worst, pattern) for pattern in COLUMNS.values()]
        steps = sum("loss" in e for e in want)
        print(f"| `{run.name}` | {steps} | " + " | ".join(cells) + f" | {'differs: ' + ', '.join(bad) if bad else 'holds'} |", flush=True)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
