"""The products of a linear layer in torch: reads {"threads", "seconds", "cases": [[layout, dtype, M, N, K], ...]} from
standard input and prints GFLOP/s for each case. Run by benchmarks/run.py with the Python that has torch."""
import json
import statistics
import sys
import time

import torch

given = json.load(sys.stdin)
torch.set_num_threads(given["threads"])
torch.set_grad_enabled(False)


def rate(layout, dtype, m, n, k):
    kind = {"F32": torch.float32, "BF16": torch.bfloat16}[dtype]
    x, w, y = (0.05 * torch.randn(s) for s in ((m, k), (n, k), (m, n)))
    x, w, y = x.to(kind), w.to(kind), y.to(kind)
    out = {"NT": lambda: torch.mm(x, w.T, out=nt), "NN": lambda: torch.mm(y, w, out=nn), "TN": lambda: torch.mm(y.T, x, out=tn)}[layout]
    nt, nn, tn = torch.empty_like(y), torch.empty_like(x), torch.empty_like(w)
    passes = []
    out()
    for window in range(4):
        calls, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < given["seconds"] or not calls:
            out()
            calls += 1
        passes.append(2e-9 * m * n * k * calls / elapsed)
    return statistics.median(passes[1:])


print(json.dumps([rate(*case) for case in given["cases"]]))
