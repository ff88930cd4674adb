"""What a figure has to name: the machine, the state of the sources, the JDK."""
import os
import platform
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FEATURES = ["avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "neon", "asimd", "sve"]


def cpu() -> dict:
    name, flags = platform.processor() or platform.machine(), set()
    if Path("/proc/cpuinfo").exists():
        text = Path("/proc/cpuinfo").read_text()
        name = next(iter(re.findall(r"model name\s*:\s*(.*)", text)), name)
        flags = set(" ".join(re.findall(r"(?:flags|Features)\s*:\s*(.*)", text)[:1]).split())
    return {"cpu": name, "features": [f for f in FEATURES if f in flags], "cores": len(os.sched_getaffinity(0))}


def kind(features: list) -> str:
    """The classes that targets and results are kept by."""
    if "avx512f" in features:
        return "avx512"
    return "avx2" if "avx2" in features else platform.machine()


def description() -> dict:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {**cpu(), "memory_gb": round(memory / 1e9, 1), "system": f"{platform.system()} {platform.release()}",
            "load_before": round(os.getloadavg()[0], 2)}


def commit() -> str:
    def git(*words):
        return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results", ":!docs/performance.md")
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + (" with changes" if changed else "")


def jdk() -> str:
    """The java of a JDK 25 or newer, as the launcher would find one."""
    homes = [os.environ.get("ENGINE_JAVA_HOME", ""), os.environ.get("JAVA_HOME", "")]
    homes += sorted((str(p) for p in Path("/usr/lib/jvm").glob("*")), reverse=True)
    for home in homes:
        release = Path(home) / "release"
        if home and release.exists():
            version = re.search(r'JAVA_VERSION="(\d+)', release.read_text())
            if version and int(version.group(1)) >= 25:
                return str(Path(home) / "bin" / "java")
    raise SystemExit("run.py: expected a JDK 25 or newer, found none. Set JAVA_HOME.")


def java_version(java: str) -> str:
    done = subprocess.run([java, "-version"], capture_output=True, text=True)
    return (done.stderr.splitlines() or ["unknown"])[-1].strip()
