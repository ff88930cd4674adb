"""docs/performance.md, made from the files in benchmarks/results: wins and losses alike."""
import json
from pathlib import Path

from .machine import ROOT

RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"
MOST_ROWS = 40  # of a table; longer ones show the rows with targets, and the file has the rest

HEAD = """# Performance

Made by `benchmarks/run.py --write-docs` from `benchmarks/results`; not written by hand. Every table is one run on one
machine in which the programs took turns; figures are medians, ratios are ours over theirs (for times: theirs over ours),
so that above 1 the engine is ahead. A target has two parts: what must be reached, and the aim. A share of a roof is of what
the same machine did at most in the same run: fused multiply-adds in registers, or bytes read from memory. How to repeat it:

    mvn -q -DskipTests package
    benchmarks/run.py --list                # the parts
    benchmarks/run.py inference --quick     # one of them, in a few minutes
    benchmarks/run.py all --write-docs      # all of them, and this page

Peers are looked for in `~/.cache/engine-peers` (`--peers`) and on the PATH; what is not found is left out. `benchmarks/kernels.sh
kernels --quick` measures the kernels alone in less than a minute.
"""
SHARES = {"share_of_roof": "of roof", "of_float32": "of F32", "of_NT": "of NT", "times_one": "times one"}


def number(value) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def target(t: dict) -> str:
    sign = "<=" if t["at_most"] else ">="
    what = f" {t['name']}" if t["name"] else ""
    result = {"aim": "aim reached", "must": "reached", "missed": "**missed**"}[t["result"]]
    return f"{sign} {t['must']:g}, aim {t['aim']:g}{what}: {t['value']:.2f} {result}"


def table(result: dict) -> list:
    rows = result["rows"]
    shown = rows if len(rows) <= MOST_ROWS else [r for r in rows if r["targets"]] or rows[:MOST_ROWS]
    peer = any("peer" in r for r in shown)
    shares = [k for k in SHARES if any(k in r for r in shown)]
    memory = any("engine_peak_mib" in r for r in shown)
    head = ["", "threads", "unit", "engine"]
    head += ["peer", "ratio"] if peer else []
    head += [SHARES[k] for k in shares] + (["peak MiB, engine and peer"] if memory else [])
    targets = any(r["targets"] for r in shown)
    head += ["target"] if targets else []
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for r in shown:
        threads = str(r.get("threads", ""))
        threads += f", peer {r['peer_threads']}" if r.get("peer_threads", r.get("threads")) != r.get("threads") else ""
        cells = [r["what"], threads, r["unit"], number(r["engine"])]
        if peer:
            cells += [f"{number(r['peer'])} {r['peer_name']}" if "peer" in r else "", number(r.get("ratio"))]
        cells += [number(r.get(k)) for k in shares]
        if memory:
            cells.append(" / ".join(number(r[k]) for k in ("engine_peak_mib", "peer_peak_mib") if k in r))
        if targets:
            cells.append("; ".join(target(t) for t in r["targets"]))
        lines.append("| " + " | ".join(cells) + " |")
    if len(shown) < len(rows):
        lines += ["", f"{len(rows) - len(shown)} more rows stand in the file."]
    return lines


def section(path: Path, result: dict) -> list:
    m = result["machine"]
    arithmetic = sorted({r["arithmetic"] for r in result["rows"] if "arithmetic" in r})
    facts = [f"{result['date']}, commit {result['commit']}, {m['cpu']}, {m['cores']} cores, {' '.join(m['features'])}",
             "peers: " + (", ".join(f"{n} {v}" for n, v in result["peers"].items()) or "none"),
             f"rounds: {result['rounds']}" + (", quick" if result["quick"] else "") + f", load before {m['load_before']}"]
    if result.get("roofs"):
        r = result["roofs"]
        facts.append(f"roofs of {r['threads']} threads: {r['fma_gflops']:.0f} GFLOP/s, {r['read_gbytes']:.1f} GB/s read, "
                     f"{r['triad_gbytes']:.1f} GB/s triad")
    if arithmetic:
        facts.append("arithmetic of the engine: " + ", ".join(arithmetic))
    return ["", f"## {result['part']}, {result['kind']}", "", result["about"], "", *table(result), "",
            *(f"- {f}" for f in facts), f"- `{result['command']}` -> [{path.name}](../benchmarks/results/{path.name})"]


def text() -> str:
    files = sorted(RESULTS.glob("*.json"))
    lines = [HEAD.rstrip()]
    if not files:
        lines += ["", "Nothing has been measured yet."]
    for path in files:
        lines += section(path, json.loads(path.read_text()))
    return "\n".join(lines) + "\n"
