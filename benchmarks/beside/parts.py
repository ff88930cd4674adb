"""What can be measured: each part is a function of a Setting that returns rows."""
import json
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import machine, process
from .models import Models
from .peers import Peers
from .rounds import Row, Target, geometric_mean, turns

HERE = Path(__file__).resolve().parent
LAYOUT = {"forward": "NT", "inputGradient": "NN", "weightGradient": "TN"}


@dataclass
class Setting:
    jar: str
    java: str
    models: Models
    peers: Peers
    data: str
    quick: bool
    rounds: int
    only: str
    threads: list
    roofs: dict  # GFLOP/s and GB/s, filled by the runner

    @property
    def most(self) -> int:
        return max(self.threads)

    def engine(self, *words, **environment) -> process.Run:
        return process.run([self.java, "-jar", self.jar, *words], **environment)

    def bench(self, model, threads: int, *words) -> tuple:
        """Tokens/s by test of `engine bench`, its rows, and the peak memory of the process."""
        run = self.engine("bench", model, "--json", "--threads", threads, *words)
        rows = json.loads(run.out)
        return {row["test"]: statistics.median(row["samples"]) for row in rows}, rows, run.peak_mib

    def kernels(self, groups: str, threads: list) -> list:
        """Reports of benchmarks.jar, one for each number of threads."""
        with tempfile.NamedTemporaryFile(suffix=".json") as out:
            process.run([self.java, "-jar", machine.ROOT / "benchmarks/target/benchmarks.jar", "kernels", "--only", groups,
                         "--threads", ",".join(map(str, threads)), "--json", out.name, *(["--quick"] if self.quick else [])])
            return json.loads(Path(out.name).read_text())

    def wanted(self, name: str) -> bool:
        return self.only in name


def kernels(s: Setting) -> list:
    """Every kernel beside the machine's own limits; no peer."""
    rows = []
    for report in s.kernels(s.only or "all", s.threads):
        for r in report["rows"]:
            case = " ".join(str(r[k]) for k in ("shape", "heads", "sequences", "weights", "format") if k in r)
            name = f"{r['group']} {LAYOUT.get(r['kernel'], r['kernel']) if 'gemm' in r['group'] else r['kernel']} {case}"
            name += f" M {r['tokens']}" if "tokens" in r else ""
            unit = "GFLOP/s" if "gflop" in r and r["group"] != "rows" else "GB/s"
            rows.append(Row(name, unit, [r["gflop" if unit == "GFLOP/s" else "gbytes"]],
                            extra={"threads": r["threads"], "share_of_roof": r["roof"]}))
    return rows


def gemm(s: Setting) -> list:
    """Products in float32 beside torch (MKL) over the same shapes, and with weights in 16 bits beside our own float32."""
    rows = []
    avx512 = machine.kind(machine.cpu()["features"]) == "avx512"
    for threads in s.threads:
        shares = {}

        def engine():
            report = s.kernels("gemm,gemm16", [threads])[0]
            for r in report["rows"]:
                shares.setdefault(key(r), []).append(r["roof"])
            return {key(r): r["gflop"] for r in report["rows"]}

        def key(r):
            n, k = map(int, r["shape"].split("x"))
            return LAYOUT[r["kernel"]], r["weights"], n, k, int(r["tokens"])

        programs = {"engine": engine}
        if s.peers.python:
            def torch():
                cases = [[layout, "F32", m, n, k] for layout, weights, n, k, m in shares if weights == "F32"]
                given = {"threads": threads, "seconds": 0.1 if s.quick else 0.2, "cases": cases}
                out = process.run([s.peers.python, HERE / "torch_gemm.py"], stdin=json.dumps(given)).out
                return {(c[0], c[1], c[3], c[4], c[2]): rate for c, rate in zip(cases, json.loads(out.splitlines()[-1]))}

            programs["torch"] = torch
        result = turns(programs, s.rounds, f"gemm, {threads} threads")
        ours, theirs = result["engine"], result.get("torch", {})
        medians = {c: statistics.median(v) for c, v in ours.items()}
        for c, samples in ours.items():
            layout, weights, n, k, m = c
            extra = {"threads": threads, "share_of_roof": statistics.median(shares[c]), "arithmetic": "float32"}
            if weights != "F32":
                extra["of_float32"] = medians[c] / medians[(layout, "F32", n, k, m)]
            if layout != "NT" and weights == "F32":
                extra["of_NT"] = medians[c] / medians[("NT", "F32", n, k, m)]
            rows.append(Row(f"{layout} {weights} {n}x{k} M {m}", "GFLOP/s", samples, theirs.get(c, []), "torch", extra))
        rows += summary(ours, theirs, shares, medians, threads, avx512)
    return rows


def summary(ours: dict, theirs: dict, shares: dict, medians: dict, threads: int, avx512: bool) -> list:
    """Geometric means over the shapes: the figures that have targets."""
    rows = []

    def mean(chosen, of):
        return geometric_mean([of(c) for c in chosen])

    for layout in ("NT", "NN", "TN"):
        f32 = [c for c in ours if c[0] == layout and c[1] == "F32"]
        row = Row(f"{layout} F32, all shapes", "GFLOP/s", [mean(f32, medians.get)],
                  extra={"threads": threads, "share_of_roof": mean(f32, lambda c: statistics.median(shares[c]))})
        row.targets.append(Target(0.85, 0.95, "share_of_roof", name="share of the FMA roof"))
        both = [c for c in f32 if c in theirs]
        if both:
            row.peer, row.peer_name = [mean(both, lambda c: statistics.median(theirs[c]))], "torch"
            row.targets.append(Target(1.8, 2.4) if avx512 else Target(1.0, 1.1))
        if layout != "NT":
            pairs = [c for c in f32 if ("NT", *c[1:]) in medians]
            row.extra["of_NT"] = mean(pairs, lambda c: medians[c] / medians[("NT", *c[1:])])
            row.targets.append(Target(0.90, 0.97, "of_NT", name="times NT"))
        rows.append(row)
        for weights in ("BF16", "F16"):
            half = [c for c in ours if c[0] == layout and c[1] == weights]
            if half:
                row = Row(f"{layout} {weights} weights, all shapes", "GFLOP/s", [mean(half, medians.get)], extra={
                    "threads": threads, "of_float32": mean(half, lambda c: medians[c] / medians[(c[0], "F32", *c[2:])])})
                row.targets.append(Target(0.85, 0.95, "of_float32", name="times F32"))
                rows.append(row)
    return rows


# name, method, dtype of torch, recomputation, targets (AVX2 and AVX-512) of tokens/s and of memory
TRAINING = [
    ("lora f32", "lora", "f32", False, (Target(1.5, 2.0), Target(2.2, 3.0)), Target(0.6, 0.4, "memory_ratio", True, "times its memory")),
    ("lora f32 recompute", "lora", "f32", True, (Target(1.5, 2.0), Target(2.2, 3.0)), Target(0.6, 0.4, "memory_ratio", True, "times its memory")),
    ("lora bf16", "lora", "bf16", False, (None, Target(1.2, 2.0)), None),
    ("full f32", "full", "f32", False, (Target(1.3, 1.8), Target(1.3, 1.8)), None),
]


def training(s: Setting) -> list:
    """Steps of SmolLM2-135M, 4 rows of 256 tokens, all labelled, beside torch, transformers and PEFT in the same dtype."""
    rows = []
    features = machine.cpu()["features"]
    for name, method, dtype, recompute, speed, memory in TRAINING:
        if not s.wanted(name):
            continue
        peaks = {"engine": [], "torch": []}

        def engine():
            words = [f"disable_gradient_checkpointing={'false' if recompute else 'true'}", f"bf16={'true' if dtype == 'bf16' else 'false'}"]
            by_test, _, peak = s.bench(s.models.directory(dtype), s.most, "--prompt", "0", "--generate", "0", "--train", method,
                                       "--repetitions", 3 if s.quick else 6, *words)
            peaks["engine"].append(peak)
            return {name: next(iter(by_test.values()))}

        def torch():
            run = process.run([s.peers.python, HERE / "torch_training.py", s.models.directory(dtype), method, dtype, 4, 256,
                               2 if s.quick else 4, s.most, *(["recompute"] if recompute else [])])
            peaks["torch"].append(run.peak_mib)
            return {name: statistics.median(json.loads(run.out.splitlines()[-1])["tokens_per_second"])}

        result = turns({"engine": engine, **({"torch": torch} if s.peers.python else {})}, s.rounds, name)
        row = Row(f"{name}, 4 x 256 tokens", "tokens/s", result["engine"][name], result.get("torch", {}).get(name, []), "torch",
                  {"threads": s.most, "arithmetic": "float32" if dtype == "f32" else "bf16: true beside torch's bf16",
                   "engine_peak_mib": round(statistics.median(peaks["engine"]))})
        if peaks["torch"]:
            row.extra["peer_peak_mib"] = round(statistics.median(peaks["torch"]))
            row.extra["memory_ratio"] = row.extra["engine_peak_mib"] / row.extra["peer_peak_mib"]
        avx512 = machine.kind(features) == "avx512"
        goal = speed[avx512]
        if goal and (dtype == "f32" or "avx512_bf16" in features):
            row.targets.append(goal)
        row.targets += [memory] if memory else []
        rows.append(row)
    return rows


def alpaca(s: Setting) -> list:
    """LoRA on LLaMA-Factory's alpaca_en_demo, batches of 8 rows as long as they are, by LLaMA-Factory itself; both with its
    defaults (float32, recomputation). Rows/s of the whole run, in which the engine's compiler warms up."""
    if not Path(s.data, "alpaca_en_demo.json").exists():
        raise RuntimeError(f"no alpaca_en_demo.json in {s.data}: give --data, the data folder of LLaMA-Factory")
    steps = 4 if s.quick else 10
    peaks = {"engine": [], "LLaMA-Factory": []}
    keys = {"model_name_or_path": str(s.models.directory("f32")), "stage": "sft", "do_train": True, "finetuning_type": "lora",
            "lora_target": "all", "lora_rank": 8, "dataset": "alpaca_en_demo", "dataset_dir": s.data, "template": "smollm2",
            "cutoff_len": 512, "preprocessing_num_workers": 1, "dataloader_num_workers": 0, "overwrite_output_dir": True,
            "per_device_train_batch_size": 8, "learning_rate": 1e-4, "max_steps": steps, "lr_scheduler_type": "cosine",
            "logging_steps": 1, "save_steps": 1000, "report_to": "none", "disable_shuffling": True, "max_samples": 400}

    def trained(name, *command, **environment):
        with tempfile.TemporaryDirectory() as work:
            config = Path(work, "run.yaml")
            config.write_text("".join(f"{k}: {json.dumps(v)}\n" for k, v in {**keys, "output_dir": f"{work}/out"}.items()))
            run = process.run([*command, "train", config], cwd=work, **environment)
            peaks[name].append(run.peak_mib)
            return {"rows": json.loads(Path(work, "out/train_results.json").read_text())["train_samples_per_second"]}

    programs = {"engine": lambda: trained("engine", s.java, "-jar", s.jar, ENGINE_JAVA_OPTS=f"-Dengine.threads={s.most}")}
    if s.peers.llamafactory:
        programs["LLaMA-Factory"] = lambda: trained(
            "LLaMA-Factory", s.peers.llamafactory, DISABLE_VERSION_CHECK="1", CUDA_VISIBLE_DEVICES="", HF_HUB_OFFLINE="1",
            OMP_NUM_THREADS=str(s.most))
    result = turns(programs, s.rounds, "alpaca")
    row = Row(f"LoRA r 8, alpaca_en_demo, {steps} steps of 8 rows", "rows/s", result["engine"]["rows"],
              result.get("LLaMA-Factory", {}).get("rows", []), "LLaMA-Factory",
              {"threads": s.most, "arithmetic": "float32", "engine_peak_mib": round(statistics.median(peaks["engine"]))}, [Target(2.5, 4.0)])
    if peaks["LLaMA-Factory"]:
        row.extra["peer_peak_mib"] = round(statistics.median(peaks["LLaMA-Factory"]))
        row.extra["memory_ratio"] = row.extra["engine_peak_mib"] / row.extra["peer_peak_mib"]
    return [row]
