"""Turn about: every program runs once in each round, so that all meet the same machine; figures are medians of rounds."""
import math
import statistics
import sys
import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    """What a ratio, or the engine's own figure, should be: at least, or at most if `at_most`."""
    must: float
    aim: float
    of: str = "ratio"  # ratio, or engine, or a name in `extra`
    at_most: bool = False
    name: str = ""


@dataclass
class Row:
    what: str
    unit: str
    engine: list
    peer: list = field(default_factory=list)
    peer_name: str = ""
    extra: dict = field(default_factory=dict)
    targets: list = field(default_factory=list)
    less_is_better: bool = False

    def json(self) -> dict:
        mine = statistics.median(self.engine)
        row = {"what": self.what, "unit": self.unit, "engine": mine}
        if self.peer:
            other = statistics.median(self.peer)
            row.update(peer_name=self.peer_name, peer=other, ratio=other / mine if self.less_is_better else mine / other)
        row.update(self.extra)
        row["targets"] = [judged(t, row) for t in self.targets if t.of in row]
        row["engine_samples"] = self.engine
        if self.peer:
            row["peer_samples"] = self.peer
        return row


def judged(t: Target, row: dict) -> dict:
    value = row[t.of]

    def reaches(limit):
        return value <= limit if t.at_most else value >= limit

    return {"name": t.name, "value": value, "must": t.must, "aim": t.aim, "at_most": t.at_most,
            "result": "aim" if reaches(t.aim) else "must" if reaches(t.must) else "missed"}


def turns(programs: dict, rounds: int, label: str = "") -> dict:
    """programs: name to a function that returns figures by key. Returns name to key to the figures of all rounds."""
    results = {name: {} for name in programs}
    for number in range(rounds):
        for name, measure in programs.items():
            start = time.perf_counter()
            figures = measure()
            for key, value in figures.items():
                results[name].setdefault(key, []).append(value)
            print(f"  {label} round {number + 1} of {rounds}: {shown(name)}, {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return results


def geometric_mean(values: list) -> float:
    return math.exp(sum(math.log(v) for v in values) / len(values))


def shown(name) -> str:
    return name if isinstance(name, str) else f"{name} threads" if isinstance(name, int) else f"{name[0]}, {name[1]} threads"
