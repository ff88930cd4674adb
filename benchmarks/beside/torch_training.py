"""Training steps in torch, transformers and PEFT: prints {"tokens_per_second": [...]} of all steps but the first.

usage: torch_training.py MODEL lora|full f32|bf16 ROWS LENGTH STEPS THREADS [recompute]
Rows of random tokens, all labelled; LoRA of rank 8 on all linear layers; AdamW, gradients clipped at 1. bf16 keeps weights
and activations in bf16. Run by benchmarks/run.py with the Python that has torch.
"""
import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM

path, method, dtype, rows, length, steps, threads = sys.argv[1:8]
recompute = sys.argv[8:] == ["recompute"]
rows, length, steps = int(rows), int(length), int(steps)
torch.manual_seed(1)
torch.set_num_threads(int(threads))
model = AutoModelForCausalLM.from_pretrained(path, dtype={"f32": torch.float32, "bf16": torch.bfloat16}[dtype])
model.config.use_cache = False
if method == "lora":
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
if recompute:
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.enable_input_require_grads()
model.train()
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=5e-5)
ids = torch.randint(0, model.config.vocab_size, (rows, length))
speeds = []
for step in range(steps + 1):
    start = time.perf_counter()
    model(input_ids=ids, labels=ids).loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    optimizer.zero_grad()
    speeds.append(rows * length / (time.perf_counter() - start))
print(json.dumps({"tokens_per_second": speeds[1:]}))
