#!/usr/bin/env python3
"""Measures the engine beside other programs, turn about, part by part; results go to benchmarks/results/PART-KIND.json.

    benchmarks/run.py --list                      the parts
    benchmarks/run.py inference batch --quick     two of them, a few minutes each
    benchmarks/run.py training --only bf16        of one part, what has this in its name
    benchmarks/run.py all --write-docs            everything, then docs/performance.md
    benchmarks/run.py --write-docs                the page alone, from the results there are
    benchmarks/run.py --check-docs                whether the page says what the results say

Build first: mvn -q -DskipTests package. On an idle machine: other programs that run are measured, too.
"""
import argparse
import datetime
import json
import os
import shlex
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
from beside import inference_parts, machine, page, parts, peers, serving_part  # noqa: E402
from beside.models import Models  # noqa: E402

PARTS = {f.__name__: f for f in (
    parts.kernels, parts.gemm, parts.training, parts.alpaca, inference_parts.inference, inference_parts.batch,
    inference_parts.coldstart, inference_parts.scaling, serving_part.serving)}


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("parts", nargs="*", metavar="PART", help="of --list, or all")
    p.add_argument("--list", action="store_true", help="say which parts there are")
    p.add_argument("--quick", action="store_true", help="fewer cases, one round")
    p.add_argument("--rounds", type=int, help="default: 3, with --quick 1")
    p.add_argument("--only", default="", help="cases with this in their name; of kernels, the groups")
    p.add_argument("--threads", default=",".join(str(t) for t in sorted({1, len(os.sched_getaffinity(0))})))
    p.add_argument("--jar", default=str(machine.ROOT / "engine.jar"))
    p.add_argument("--peers", default="~/.cache/engine-peers", help="folder of other programs")
    p.add_argument("--models", default="~/.cache/engine-benchmarks", help="folder of GGUF files, made where absent")
    p.add_argument("--checkpoint", default="~/.cache/engine-peers/SmolLM2-135M-Instruct",
                   help="its directory, or what comes before -f32 and -bf16 of two")
    p.add_argument("--data", default=data(), help="LLaMA-Factory's folder of demonstration datasets")
    p.add_argument("--results", default=str(page.RESULTS), help="folder to write to")
    p.add_argument("--write-docs", action="store_true", help="write docs/performance.md")
    p.add_argument("--check-docs", action="store_true", help="exit with 1 if docs/performance.md is stale")
    return p.parse_args()


def data() -> str:
    shared = os.environ.get("ENGINE_SHARED")
    above = [p / "shared" for p in machine.ROOT.parents]
    found = [p / "data" for p in ([Path(shared)] if shared else above) if (p / "data").is_dir()]
    return str(found[0]) if found else "data"


def options(a: argparse.Namespace) -> list:
    """The words given beside the parts, for the note under a table; folders are the reader's own."""
    words = ["--quick"] if a.quick else []
    return words + [w for k in ("rounds", "only", "threads") if getattr(a, k) for w in (f"--{k}", str(getattr(a, k)))]


def measure(name: str, a: argparse.Namespace, s: parts.Setting) -> bool:
    """One part and its file; False if it could not be measured."""
    about = " ".join(PARTS[name].__doc__.split())
    print(f"\n{name}: {about}", flush=True)
    facts, start = machine.description(), time.perf_counter()
    try:
        rows = [row.json() for row in PARTS[name](s)]
    except RuntimeError as problem:
        print(f"{name}: not measured: {problem}", file=sys.stderr, flush=True)
        return False
    kind = machine.kind(facts["features"])
    result = {"part": name, "kind": kind, "about": about, "date": datetime.date.today().isoformat(), "commit": machine.commit(),
              "command": "benchmarks/run.py " + shlex.join([name, *options(a)]), "quick": s.quick, "rounds": s.rounds,
              "machine": facts, "java": machine.java_version(s.java), "roofs": s.roofs, "peers": s.peers.versions,
              "seconds": round(time.perf_counter() - start), "rows": rows}
    print("\n".join(page.table(result)))
    folder = Path(a.results)
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / f"{name}-{kind}.json"
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{out}, {result['seconds']} s", flush=True)
    return True


def check() -> int:
    if page.PAGE.exists() and page.PAGE.read_text() == page.text():
        return 0
    print("docs/performance.md is stale: run benchmarks/run.py --write-docs", file=sys.stderr)
    return 1


def main() -> int:
    a = arguments()
    if a.list:
        for name, part in PARTS.items():
            print(f"{name:10} {' '.join(part.__doc__.split())}")
        return 0
    if a.check_docs:
        return check()
    names = list(PARTS) if a.parts == ["all"] else a.parts
    unknown = [n for n in names if n not in PARTS]
    if unknown or not names and not a.write_docs:
        sys.exit(f"run.py: unknown part {unknown[0]}: expected all or some of {', '.join(PARTS)}" if unknown else __doc__)
    failed = []
    if names:
        java, found = machine.jdk(), peers.find(a.peers)
        print(peers.said(found))
        jar = str(Path(a.jar).resolve())
        if not Path(jar).exists() or not (machine.ROOT / "benchmarks/target/benchmarks.jar").exists():
            sys.exit("run.py: expected engine.jar and benchmarks/target/benchmarks.jar, got none. Run mvn -q -DskipTests package.")
        s = parts.Setting(jar, java, Models(a.models, a.checkpoint, jar, java), found, a.data, a.quick,
                          a.rounds or (1 if a.quick else 3), a.only, [int(t) for t in a.threads.split(",")], {})
        report = s.kernels("none", [s.most])[0]
        s.roofs = {k: report[k] for k in ("threads", "fma_gflops", "read_gbytes", "triad_gbytes", "vector_bits", "machine_code")}
        print(f"roofs of {s.most} threads: {s.roofs['fma_gflops']:.0f} GFLOP/s, {s.roofs['read_gbytes']:.1f} GB/s read, "
              f"{s.roofs['triad_gbytes']:.1f} GB/s triad")
        failed = [name for name in names if not measure(name, a, s)]
    if a.write_docs:
        page.PAGE.write_text(page.text())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
