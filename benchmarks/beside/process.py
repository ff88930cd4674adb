"""Runs programs and looks at what they take."""
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass


@dataclass
class Run:
    out: str
    seconds: float
    peak_mib: float  # VmHWM of the process, mapped files counted as far as they were touched


def run(command: list, stdin: str = "", cwd: str = None, **environment: str) -> Run:
    """Runs to the end; an exit code other than 0 is an error that shows what the program said."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as given:
        given.write(stdin.encode())
        given.seek(0)
        start = time.perf_counter()
        child = subprocess.Popen([str(w) for w in command], stdin=given, stdout=out, stderr=err, cwd=cwd,
                                 env={**os.environ, **environment})
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode(errors="replace")
        if child.returncode:
            err.seek(0)
            said = (text[-1500:] + "\n" + err.read().decode(errors="replace")[-1500:]).strip()
            raise RuntimeError(f"{' '.join(str(w) for w in command)}: exit {child.returncode}\n{said}")
        return Run(text, seconds, usage.ru_maxrss / 1024)


def seconds_to_first_output(command: list, stdin: str, **environment: str) -> float:
    """From the start of the process to the first byte of its standard output; then it is ended."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as err:
        child = subprocess.Popen([str(w) for w in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err,
                                 env={**os.environ, **environment})
        try:
            child.stdin.write(stdin.encode())
            child.stdin.close()
            first = child.stdout.read(1)
            seconds = time.perf_counter() - start
            if not first:
                err.seek(0)
                raise RuntimeError(f"{command}: said nothing\n{err.read().decode(errors='replace')[-1500:]}")
            return seconds
        finally:
            child.kill()
            child.stdout.close()
            child.wait()
