"""The models that are measured: made once and kept in a folder outside the repository."""
from pathlib import Path

from . import random_gguf
from .process import run

SMOL_TYPES = ["F16", "BF16", "Q8_0", "Q4_0"]


class Models:
    def __init__(self, folder: str, checkpoint: str, jar: str, java: str):
        self.folder = Path(folder).expanduser()
        self.checkpoint = Path(checkpoint).expanduser()  # SmolLM2-135M-Instruct, stem of folders -f32 and -bf16
        self.jar, self.java = jar, java

    def directory(self, dtype: str) -> Path:
        """The Hugging Face directory in f32 or bf16."""
        for path in (Path(f"{self.checkpoint}-{dtype}"), self.checkpoint):
            if (path / "config.json").exists():
                return path
        raise RuntimeError(f"no SmolLM2-135M-Instruct at {self.checkpoint}-{dtype} or {self.checkpoint}. "
                           "Download it from HuggingFaceTB/SmolLM2-135M-Instruct and give --checkpoint.")

    def smol(self, kind: str) -> Path:
        """SmolLM2 as GGUF, exported by the engine."""
        path = self.folder / f"smol-{kind}.gguf"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            print(f"making {path}", flush=True)
            run([self.java, "-jar", self.jar, "export", f"model_name_or_path={self.directory('bf16')}", "template=smollm2",
                 "export_format=gguf", f"export_gguf_type={kind.lower()}", f"export_dir={path}"])
        return path

    def random(self, kind: str) -> Path:
        """The random model of wider layers, in Q4_K or Q6_K."""
        path = self.folder / f"random-{kind}.gguf"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            print(f"making {path}", flush=True)
            random_gguf.write(path, kind)
        return path

    def all(self, only: str = "") -> dict:
        """Name to a function that gives its file."""
        files = {f"SmolLM2-135M {k}": (lambda k=k: self.smol(k)) for k in SMOL_TYPES}
        files.update({f"random 1024 {k}": (lambda k=k: self.random(k)) for k in random_gguf.TYPES})
        return {name: make for name, make in files.items() if only in name}
