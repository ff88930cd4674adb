#!/usr/bin/env python3
"""Runs `engine bench` and llama-bench on the same GGUF files, turn about, and prints tokens/s and their ratios.

usage: inference_beside_llama_cpp.py --jar engine.jar FILE.gguf ... [--prompt 128,512] [--generate 64] [--threads 1,2]
       [--rounds 3] [--repetitions 3] [--peer .../llama-bench] [--json results.json]
Each round runs both programs once per file and thread count, so that both meet the same machine; a figure is the median of
the rounds. Generated tokens meet quantized weights with 8-bit activations in both programs; prompts with float32 ones in the engine
and 8-bit ones in llama.cpp. --activations float32 makes the engine compute all in float32.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

PEER = "~/.cache/engine-peers/llama.cpp/build/bin/llama-bench"


def output(command: list, **environment: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode:
        sys.exit(f"{command}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def engine(a, file: str, threads: int) -> dict:
    command = ["java", "-jar", a.jar, "bench", file, "--json", "--prompt", a.prompt, "--generate", a.generate,
               "--repetitions", str(a.repetitions), "--batch", a.batch, "--activations", a.activations]
    rows = json.loads(output(command, ENGINE_JAVA_OPTS=f"-Dengine.threads={threads}"))
    return {row["test"]: row["tokens_per_second"] for row in rows}


def llama(a, file: str, threads: int) -> dict:
    rows = json.loads(output([a.peer, "-m", file, "-p", a.prompt, "-n", a.generate, "-t", str(threads), "-ngl", "0",
                              "-r", str(a.repetitions), "-o", "json"]))
    return {(f"pp{r['n_prompt']}" if r["n_prompt"] else f"tg{r['n_gen']}"): r["avg_ts"] for r in rows}


def main() -> int:
    p = argparse.ArgumentParser()
    p.add_argument("files", nargs="+")
    p.add_argument("--jar", required=True)
    p.add_argument("--prompt", default="128,512")
    p.add_argument("--generate", default="64")
    p.add_argument("--batch", default="1,16", help="sequences that generate together; the peer has one only")
    p.add_argument("--activations", default="int8", choices=["int8", "float32"])
    p.add_argument("--threads", default=",".join(str(t) for t in sorted({1, os.cpu_count()})))
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--repetitions", type=int, default=3)
    p.add_argument("--peer", default=os.path.expanduser(PEER))
    p.add_argument("--json")
    a = p.parse_args()
    peer = os.access(a.peer, os.X_OK)
    if not peer:
        print(f"no llama-bench at {a.peer}: only the engine is measured")
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(f"cpu {cpu}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    results = []
    print(f"{'file':40} {'threads':>7} {'test':>6} {'engine':>9} {'llama.cpp':>9} {'ratio':>6}")
    for file in a.files:
        for threads in (int(t) for t in a.threads.split(",")):
            ours, theirs = [], []
            for _ in range(a.rounds):
                ours.append(engine(a, file, threads))
                if peer:
                    theirs.append(llama(a, file, threads))
            for test in ours[0]:
                mine = statistics.median(r[test] for r in ours)
                one = test.split("x")[0]  # llama-bench generates one sequence at a time
                other = statistics.median(r[one] for r in theirs) if peer and one == test else None
                single = statistics.median(r[one] for r in ours) if one != test and one in ours[0] else None
                results.append({"file": Path(file).name, "threads": threads, "test": test, "engine": mine,
                                "llama_cpp": other, "ratio": mine / other if other else None,
                                "times_one_sequence": mine / single if single else None, "cpu": cpu})
                shown = f"{other:9.1f} {mine / other:6.2f}" if other else f"{'-':>9} {'-':>6}"
                shown += f"   {mine / single:.2f} x one sequence" if single else ""
                print(f"{Path(file).name:40} {threads:7} {test:>6} {mine:9.1f} {shown}", flush=True)
    if a.json:
        Path(a.json).write_text(json.dumps(results, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
