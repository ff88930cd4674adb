"""Parts about answers: prompts, generated tokens, several sequences at once, the first token, and what a second thread gives."""
import json
import statistics

from . import machine, process
from .parts import Setting
from .rounds import Row, Target, geometric_mean, turns


def inference(s: Setting) -> list:
    """Prompts of 512 tokens and 64 generated ones, one sequence, beside llama-bench on the same file; each program at the
    number of threads that is best for it."""
    rows = []
    repetitions = 1 if s.quick else 3
    for name, make in s.models.all(s.only).items():
        file, seen = make(), {}

        def engine(threads):
            by_test, listed, _ = s.bench(file, threads, "--prompt", "512", "--generate", "64", "--batch", "1",
                                         "--repetitions", max(2, repetitions))
            seen.update({row["test"]: row for row in listed})
            return by_test

        def llama(threads):
            out = process.run([s.peers.llama_bench, "-m", file, "-p", "512", "-n", "64", "-t", threads, "-ngl", "0",
                               "-r", repetitions, "-o", "json"]).out
            return {f"pp{r['n_prompt']}" if r["n_prompt"] else f"tg{r['n_gen']}": r["avg_ts"] for r in json.loads(out)}

        programs = {}
        for threads in s.threads:
            programs["engine", threads] = lambda t=threads: engine(t)
            if s.peers.llama_bench:
                programs["llama.cpp", threads] = lambda t=threads: llama(t)
        result = turns(programs, s.rounds, name)
        for test in ("pp512", "tg64"):
            best = {who: max((t for w, t in programs if w == who), key=lambda t: statistics.median(result[who, t][test]))
                    for who in dict.fromkeys(w for w, _ in programs)}
            extra = {"threads": best["engine"], "arithmetic": seen[test]["arithmetic"]}
            peer = []
            if "llama.cpp" in best:
                extra["peer_threads"] = best["llama.cpp"]
                peer = result["llama.cpp", best["llama.cpp"]][test]
            row = Row(f"{test} {name}", "tokens/s", result["engine", best["engine"]][test], peer, "llama.cpp", extra)
            row.targets.append(Target(0.9, 1.3) if test == "pp512" else Target(1.0, 1.4))
            if test == "tg64":
                read = seen[test]["bytes"] * statistics.median(row.engine) / 1e9
                extra["share_of_roof"] = read / s.roofs["read_gbytes"]
                if name.endswith("F16"):
                    row.targets.append(Target(0.65, 0.85, "share_of_roof", name="share of reading memory"))
            rows.append(row)
    return rows


def batch(s: Setting) -> list:
    """64 tokens in 1, 4 and 16 sequences at once; the engine alone."""
    rows = []
    vnni = {"avx512_vnni", "avx_vnni"} & set(machine.cpu()["features"])
    for name, make in s.models.all(s.only).items():
        file = make()
        result = turns({"engine": lambda: s.bench(
            file, s.most, "--prompt", "0", "--generate", 32 if s.quick else 64, "--batch", "1,4,16", "--repetitions", 2)[0]},
            s.rounds, name)["engine"]
        one = statistics.median(next(v for k, v in result.items() if "x" not in k))
        for test, samples in result.items():
            row = Row(f"{test} {name}", "tokens/s", samples, extra={"threads": s.most, "times_one": statistics.median(samples) / one})
            if test.endswith("x16"):
                must = 6 if name.endswith("F16") else (5 if vnni else 4) if "Q8" in name else (4 if vnni else 2.5)
                row.targets.append(Target(must, 10 if name.endswith("F16") else 6, "times_one", name="times one sequence"))
            rows.append(row)
    return rows


def coldstart(s: Setting) -> list:
    """From `java -jar engine.jar chat` to the first piece of the answer, SmolLM2-135M in Q8_0, the file in the system's cache;
    llama-completion beside it."""
    file, question = s.models.smol("Q8_0"), "What is the capital of France?\n"

    def engine():
        return {"s": process.seconds_to_first_output(
            [s.java, "-jar", s.jar, "chat", f"model_name_or_path={file}", "template=smollm2", "temperature=0", "max_new_tokens=4"],
            question)}

    def llama():
        return {"s": process.seconds_to_first_output(
            [s.peers.llama_completion, "-m", file, "-p", "The capital of France is", "-n", "4", "-no-cnv", "--no-display-prompt", "--temp", "0"], "")}

    programs = {"engine": engine, **({"llama.cpp": llama} if s.peers.llama_completion else {})}
    result = turns(programs, max(5, s.rounds), "cold start")
    return [Row("chat, cold to the first token", "s", result["engine"]["s"], result.get("llama.cpp", {}).get("s", []), "llama.cpp",
                {"arithmetic": "int8"}, [Target(2.5, 1.2, "engine", True)], less_is_better=True)]


def scaling(s: Setting) -> list:
    """The same work with one thread and with all of them: products, a training step, a prompt."""
    if s.most == 1:
        raise RuntimeError("scaling: expected more than one thread")
    file, model = s.models.smol("BF16"), s.models.directory("f32")

    def measured(threads):
        figures = {}
        if s.wanted("gemm"):
            report = s.kernels("gemm", [threads])[0]["rows"]
            figures["gemm F32, all shapes", "GFLOP/s"] = geometric_mean([r["gflop"] for r in report])
        if s.wanted("training"):
            step = s.bench(model, threads, "--prompt", "0", "--generate", "0", "--train", "lora", "--repetitions", 2,
                           "disable_gradient_checkpointing=true")[0]
            figures["training step, lora f32", "tokens/s"] = next(iter(step.values()))
        if s.wanted("prompt"):
            figures["pp512 SmolLM2-135M BF16", "tokens/s"] = s.bench(
                file, threads, "--prompt", "512", "--generate", "0", "--repetitions", 3)[0]["pp512"]
        return figures

    result = turns({t: lambda t=t: measured(t) for t in (1, s.most)}, s.rounds, "scaling")
    rows = []
    for (what, unit), samples in result[s.most].items():
        times = statistics.median(samples) / statistics.median(result[1][what, unit])
        rows.append(Row(f"{what}, 1 to {s.most} threads", unit, samples, extra={"threads": s.most, "times_one": times}))
        if s.most == 2:
            rows[-1].targets.append(Target(1.8, 1.95, "times_one", name="times one thread"))
    return rows
