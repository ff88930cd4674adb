"""The servers beside each other, by serving_beside_llama_cpp.py."""
import json
import sys
import tempfile
from pathlib import Path

from . import machine, process
from .parts import Setting
from .rounds import Row


def serving(s: Setting) -> list:
    """Streaming chats of 1, 4 and 16 clients, SmolLM2-135M in Q8_0, our server and llama-server turn about."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        process.run([sys.executable, machine.ROOT / "benchmarks/serving_beside_llama_cpp.py", s.models.smol("Q8_0"), "--jar", s.jar,
                     "--clients", "4" if s.quick else "1,4,16", "--seconds", 10 if s.quick else 20, "--rounds", s.rounds,
                     "--threads", s.most, "--peer", s.peers.llama_server or "absent", "--json", out.name],
                    PATH=f"{Path(s.java).parent}:/usr/local/bin:/usr/bin:/bin")
        results = json.loads(Path(out.name).read_text())["results"]
    rows = []
    for mine in (r for r in results if r["server"] == "engine"):
        other = next((r for r in results if r["server"] != "engine" and r["clients"] == mine["clients"]), None)
        rows.append(Row(f"{mine['clients']} clients, generated tokens", "tokens/s", [mine["tokens_per_second"]],
                        [other["tokens_per_second"]] if other else [], "llama-server", {"threads": s.most, "arithmetic": "int8"}))
        rows.append(Row(f"{mine['clients']} clients, median time to the first token", "ms", [mine["first_p50"]],
                        [other["first_p50"]] if other else [], "llama-server", {"threads": s.most}, less_is_better=True))
    return rows
