"""Shows with PEFT itself that adapters move both ways without loss.

  python benchmarks/peft_roundtrip.py --models DIR --classpath engine.jar [--java JAVA25]

DIR holds small Hugging Face checkpoints (llama, qwen2, qwen3, gemma2, phi3). For each of them and
each kind of adapter:
  engine -> PEFT   the engine trains and saves, PEFT loads strictly: largest difference of logits
                   with the adapter and after PEFT merged it
  PEFT -> engine   PEFT makes random adapters, the engine loads and saves again: largest difference
                   of logits, and whether every tensor of the copy has the same bits
Needs torch, transformers and peft; exits with 1 if a difference exceeds 2e-4 (PiSSA:
5e-4) or bits differ.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import warnings

import peft
import torch
import transformers
from safetensors.torch import load_file

# targets, modules saved whole, method with its options
KINDS = {
    "all": ("all", [], "lora"),
    "rslora": ("all", [], "rslora"),
    "embedding": ("ATT,embed_tokens", [], "lora"),
    "saved": ("all", ["embed_tokens", "lm_head"], "lora"),
    "dora": ("all", [], "dora"),
    "pissa": ("all", [], "pissa"),
    "oft": ("all", [], "oft"),
}
TOKENS = 24
LIMIT = 2e-4
# of a PiSSA adapter each side decomposes the weights anew, PEFT in float32, the engine in double
LIMIT_PISSA = 5e-4


def base(path):
    model = transformers.AutoModelForCausalLM.from_pretrained(
        path, dtype=torch.float32, attn_implementation="eager"
    )
    return model.eval()


def logits(model):
    ids = [(31 * i + 7) % model.config.vocab_size for i in range(TOKENS)]
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0]


def targets(kind, family):
    attention = "qkv_proj" if family == "phi3" else "q_proj,v_proj"
    return KINDS[kind][0].replace("ATT", attention)


def make(path, directory, kind, family):
    """A PEFT adapter whose every matrix is random."""
    torch.manual_seed(5)
    names = targets(kind, family)
    method = KINDS[kind][2]
    common = {
        "task_type": "CAUSAL_LM",
        "target_modules": "all-linear" if names == "all" else names.split(","),
        "modules_to_save": KINDS[kind][1] or None,
    }
    if method == "oft":
        config = peft.OFTConfig(oft_block_size=8, **common)
    else:
        config = peft.LoraConfig(
            r=4,
            lora_alpha=8,
            use_rslora=method == "rslora",
            use_dora=method == "dora",
            init_lora_weights="pissa" if method == "pissa" else False,
            **common,
        )
    model = peft.get_peft_model(base(path), config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.02)
    model.save_pretrained(directory)
    return logits(model)


def strict(path, directory):
    """Loads an adapter and fails if PEFT misses a tensor or does not know one."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = peft.PeftModel.from_pretrained(base(path), directory).eval()
    complaints = [str(w.message) for w in caught if "missing" in str(w.message).lower()]
    if complaints:
        raise SystemExit(f"{directory}: {complaints}")
    stored = load_file(directory / "adapter_model.safetensors")
    asked = peft.get_peft_model_state_dict(model)
    if stored.keys() != asked.keys():
        raise SystemExit(f"{directory}: names differ: {sorted(stored.keys() ^ asked.keys())}")
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--classpath", default="engine.jar")
    parser.add_argument("--java", default="java")
    options = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="peft_roundtrip"))
    cases = [
        (family, kind)
        for family in ("llama", "qwen2", "qwen3", "gemma2", "phi3")
        for kind in KINDS
        if (options.models / family).is_dir()
    ]
    theirs = {}
    lines = []
    for family, kind in cases:
        path = options.models / family
        at = work / family / kind
        theirs[family, kind] = make(path, at / "peft", kind, family)
        saved = ",".join(KINDS[kind][1]) or "-"
        lines.append(f"write {path} {at / 'engine'} {targets(kind, family)} {saved} {KINDS[kind][2]}")
        lines.append(f"read {path} {at / 'peft'} {at / 'copy'}")
    tasks = work / "tasks.txt"
    tasks.write_text("\n".join(lines) + "\n")
    source = pathlib.Path(__file__).with_name("PeftRoundtrip.java")
    subprocess.run(
        [options.java, "--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED",
         "--class-path", options.classpath, str(source), str(tasks)],
        check=True,
    )
    print(f"peft {peft.__version__}, transformers {transformers.__version__}, torch {torch.__version__}")
    print(f"{'model':8} {'adapter':10} {'engine -> PEFT':>16} {'merged by PEFT':>16} "
          f"{'PEFT -> engine':>16} {'same bits':>10}")
    bad = False
    for family, kind in cases:
        at = work / family / kind
        path = options.models / family
        ours = load_file(at / "engine" / "engine_logits.safetensors")["logits"]
        model = strict(path, at / "engine")
        out = (logits(model) - ours).abs().max().item()
        merged = (logits(model.merge_and_unload()) - ours).abs().max().item()
        read = load_file(at / "copy" / "engine_logits.safetensors")["logits"]
        back = (theirs[family, kind] - read).abs().max().item()
        one = load_file(at / "peft" / "adapter_model.safetensors")
        two = load_file(at / "copy" / "adapter_model.safetensors")
        same = one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)
        strict(path, at / "copy")
        # a tied model merges an embedding's update into the output projection as well, in PEFT
        tied = model.base_model.config.tie_word_embeddings and kind == "embedding"
        limit = LIMIT_PISSA if kind == "pissa" else LIMIT
        bad |= out > limit or back > limit or not same or (merged > limit and not tied)
        print(f"{family:8} {kind:10} {out:16.1e} {merged:16.1e} {back:16.1e} {str(same):>10}"
              + ("  (tied: PEFT's merge changes lm_head too)" if tied else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
