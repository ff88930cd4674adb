"""Finds the programs that the engine is compared with. None of them is needed."""
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Peers:
    python: str = ""  # with torch, transformers and peft
    llamafactory: str = ""
    llama_bench: str = ""
    llama_server: str = ""
    llama_completion: str = ""
    versions: dict = field(default_factory=dict)


def find(home: str) -> Peers:
    """In the folder `home` as python/bin and llama.cpp/build/bin, else on the PATH."""
    base = Path(home).expanduser()

    def program(folder: str, name: str) -> str:
        own = base / folder / name
        return str(own) if os.access(own, os.X_OK) else shutil.which(name) or ""

    peers = Peers(llamafactory=program("python/bin", "llamafactory-cli"))
    for name in ("bench", "server", "completion"):
        setattr(peers, f"llama_{name}", program("llama.cpp/build/bin", f"llama-{name}"))
    for python in (str(base / "python/bin/python"), shutil.which("python3") or ""):
        versions = packages(python) if os.access(python, os.X_OK) else {}
        if versions:
            peers.python = python
            peers.versions.update(versions)
            break
    if peers.llama_completion:
        done = subprocess.run([peers.llama_completion, "--version"], capture_output=True, text=True)
        peers.versions["llama.cpp"] = (done.stderr + done.stdout).strip().splitlines()[0].replace("version: ", "")
    elif peers.llama_bench:
        peers.versions["llama.cpp"] = "unknown"
    return peers


def packages(python: str) -> dict:
    """Versions of torch and its like as that interpreter sees them; empty without torch."""
    script = ("from importlib.metadata import version, PackageNotFoundError\n"
              "for name in ('torch', 'transformers', 'peft', 'llamafactory'):\n"
              "    try: print(name, version(name))\n"
              "    except PackageNotFoundError: pass\n")
    done = subprocess.run([python, "-c", script], capture_output=True, text=True)
    found = dict(line.split() for line in done.stdout.splitlines())
    return found if "torch" in found and "peft" in found else {}


def said(peers: Peers) -> str:
    lines = [f"peers: {' '.join(f'{n} {v},' for n, v in peers.versions.items()).rstrip(',') or 'none'}"]
    for what, path in (("torch and PEFT", peers.python), ("LLaMA-Factory", peers.llamafactory),
                       ("llama-bench", peers.llama_bench), ("llama-server", peers.llama_server)):
        lines.append(f"  {what:15} {path or 'not found: only the engine is measured'}")
    return "\n".join(lines)
