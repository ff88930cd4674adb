#!/usr/bin/env python3
"""Puts the same streaming chat requests to our server and to llama-server on the same GGUF file, turn about.

usage: serving_beside_llama_cpp.py --jar engine.jar FILE.gguf [--clients 1,4,16,64] [--seconds 30] [--rounds 2] [--threads N]
       [--slots 16] [--context 2048] [--peer .../llama-server] [--json results.json] [--engine-options "key=value ..."]
Each client asks one question after the other for that many seconds, each over a new connection; prompts have 20 to 600
tokens and no two begin alike, so that no server can answer from what it kept. Answers are greedy, 16 to 128 tokens long at
most. A round runs each server alone, one after the other, over all client counts; figures are medians of the rounds.
Total tokens/s counts generated tokens: as the servers' own usage says for answers that ended within the time, by pieces
received until then for those that did not. Prompt tokens and answers count finished ones alone.
"""
import argparse
import http.client
import json
import os
import random
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PEER = "~/.cache/engine-peers/llama.cpp/build/bin/llama-server"
WORDS = ("the a river stone light house sea wind bread table green old small walk write think carry between after "
         "before music paper window garden number story letter market winter summer morning quiet").split()


def question(dice: random.Random, serial: int) -> dict:
    length = dice.choice([20, 40, 80, 160, 320, 600])
    words = " ".join(dice.choice(WORDS) for _ in range(length * 3 // 4))
    return {"messages": [{"role": "user", "content": f"Text {serial}: {words}. Go on with this text."}],
            "temperature": 0, "max_tokens": dice.choice([16, 32, 64, 128]), "stream": True,
            "stream_options": {"include_usage": True}}


class Sample:
    def __init__(self):
        self.first, self.gaps, self.tokens, self.prompt_tokens, self.answers, self.problems = [], [], 0, 0, 0, []
        self.lock = threading.Lock()


def ask(connection: http.client.HTTPConnection, body: dict, until: float, sample: Sample) -> None:
    start = last = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    if response.status != 200:
        raise OSError(f"{response.status}: {response.read(500)!r}")
    first, gaps, usage, chunks = None, [], None, 0
    for line in response:
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            break
        chunk = json.loads(data)
        usage = chunk.get("usage") or usage
        if any(c.get("delta", {}).get("content") for c in chunk.get("choices", [])):
            now = time.perf_counter()
            if first is None:
                first = now - start
            else:
                gaps.append(now - last)
            last = now
            chunks += now <= until
    response.read()
    with sample.lock:
        if time.perf_counter() > until:
            sample.tokens += chunks
        elif usage is None:
            sample.problems.append("no usage")
        else:
            sample.answers += 1
            sample.tokens += usage["completion_tokens"]
            sample.prompt_tokens += usage["prompt_tokens"]
        if first is not None:
            sample.first.append(first)
        sample.gaps += gaps


def client(port: int, number: int, until: float, sample: Sample) -> None:
    dice = random.Random(number)  # the same questions to both servers
    serial = 0
    while time.perf_counter() < until:
        serial += 1
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        try:
            ask(connection, question(dice, 1000 * number + serial), until, sample)
        except (OSError, http.client.HTTPException, ValueError) as e:
            with sample.lock:
                sample.problems.append(str(e)[:300])
        finally:
            connection.close()


def load(port: int, clients: int, seconds: float) -> dict:
    sample = Sample()
    until = time.perf_counter() + seconds
    threads = [threading.Thread(target=client, args=(port, n, until, sample)) for n in range(clients)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()

    def ms(values: list, share: float) -> float:
        return 1000 * sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("nan")

    return {"tokens_per_second": sample.tokens / seconds, "prompt_tokens_per_second": sample.prompt_tokens / seconds,
            "answers": sample.answers, "first_p50": ms(sample.first, .5), "first_p99": ms(sample.first, .99),
            "gap_p50": ms(sample.gaps, .5), "gap_p99": ms(sample.gaps, .99), "problems": sample.problems[:3]}


class Server:
    def __init__(self, name: str, command: list, port: int, environment: dict):
        self.name, self.port = name, port
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env={**os.environ, **environment})

    def __enter__(self):
        for _ in range(600):
            if self.process.poll() is not None:
                break
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.2)
        self.stop()
        self.log.seek(0)
        sys.exit(f"{self.name} did not start:\n{self.log.read()[-3000:].decode(errors='replace')}")

    def memory(self) -> float:
        """Most resident memory of the process or of a child: the launcher is a small JVM that starts the real one."""
        children = [c for f in Path(f"/proc/{self.process.pid}/task").glob("*/children") for c in f.read_text().split()]
        most = 0
        for pid in [self.process.pid, *children]:
            for line in open(f"/proc/{pid}/status"):
                if line.startswith("VmHWM"):
                    most = max(most, int(line.split()[1]) / 1e6)
        return most

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def __exit__(self, *_):
        self.stop()


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def engine(a) -> Server:
    port = free_port()
    command = ["java", "-jar", a.jar, "serve", f"model_name_or_path={a.file}", *shlex.split(a.engine_options)]
    return Server("engine", command, port, {"API_PORT": str(port), "API_HOST": "127.0.0.1",
                                            "ENGINE_JAVA_OPTS": f"-Dengine.threads={a.threads}"})


def llama(a) -> Server:
    port = free_port()
    command = [a.peer, "-m", a.file, "--port", str(port), "-t", str(a.threads), "-ngl", "0", "--jinja",
               "-np", str(a.slots), "-c", str(a.slots * a.context)]
    return Server("llama-server", command, port, {})


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("file")
    p.add_argument("--jar", required=True)
    p.add_argument("--clients", default="1,4,16,64")
    p.add_argument("--seconds", type=float, default=30)
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--slots", type=int, default=16, help="of llama-server")
    p.add_argument("--context", type=int, default=2048, help="of a slot of llama-server")
    p.add_argument("--engine-options", default="", help="more words for serve")
    p.add_argument("--peer", default=os.path.expanduser(PEER))
    p.add_argument("--json")
    a = p.parse_args()
    servers = {"engine": engine}
    if os.access(a.peer, os.X_OK):
        servers["llama-server"] = llama
    else:
        print(f"no llama-server at {a.peer}: only the engine is measured")
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(f"cpu {cpu}, {os.cpu_count()} cores, {a.threads} threads, load {os.getloadavg()[0]:.1f}, {Path(a.file).name}")
    counts = [int(c) for c in a.clients.split(",")]
    runs = {name: {c: [] for c in counts} for name in servers}
    memory = {}
    for _ in range(a.rounds):
        for name, start in servers.items():
            with start(a) as server:
                load(server.port, 2, min(10, a.seconds))  # warm
                for c in counts:
                    runs[name][c].append(load(server.port, c, a.seconds))
                memory[name] = max(memory.get(name, 0), server.memory())
    results = []
    print(f"{'clients':>7} {'server':>12} {'tok/s':>8} {'prompt/s':>8} {'answers':>7} {'first p50':>9} {'p99 ms':>8} "
          f"{'gap p50':>8} {'p99 ms':>8} {'peak GB':>8}")
    for c in counts:
        for name in servers:
            some = runs[name][c]
            row = {k: statistics.median(r[k] for r in some) for k in some[0] if k != "problems"}
            problems = [x for r in some for x in r["problems"]]
            results.append({"clients": c, "server": name, **row, "peak_gb": memory[name], "problems": problems})
            print(f"{c:7} {name:>12} {row['tokens_per_second']:8.1f} {row['prompt_tokens_per_second']:8.1f} "
                  f"{row['answers']:7.0f} {row['first_p50']:9.0f} {row['first_p99']:8.0f} {row['gap_p50']:8.1f} "
                  f"{row['gap_p99']:8.1f} {memory[name]:8.2f}{'  ' + problems[0] if problems else ''}")
        if len(servers) == 2:
            mine, other = results[-2:]
            print(f"{c:7} {'ratio':>12} {mine['tokens_per_second'] / max(1e-9, other['tokens_per_second']):8.2f}")
    if a.json:
        Path(a.json).write_text(json.dumps({"cpu": cpu, "file": Path(a.file).name, "results": results}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
