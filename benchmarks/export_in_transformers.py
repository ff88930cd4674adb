"""Compares greedy answers of an exported directory: this engine's chat against transformers.

Usage: python export_in_transformers.py DIRECTORY TEMPLATE ENGINE [NEW_TOKENS]

ENGINE is the command that starts the engine, e.g. "java -jar engine.jar". Both compute in float32
from the directory's weights, with the chat template that the directory carries; prints one line a
prompt and exits with 1 if any answer differs. Needs torch and transformers.
"""

import shlex
import subprocess
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

# given to both: a template's own system prompt need not be that of the checkpoint's chat_template
SYSTEM = "You are a helpful assistant."

PROMPTS = [
    "What is the capital of France?",
    "Who are you?",
    "List three prime numbers.",
    "Name a colour and say why you like it.",
]


def ours(directory, template, engine, new_tokens):
    answers = []
    for prompt in PROMPTS:
        words = shlex.split(engine) + [
            "chat",
            f"model_name_or_path={directory}",
            f"template={template}",
            f"default_system={SYSTEM}",
            "do_sample=false",
            f"max_new_tokens={new_tokens}",
            "infer_dtype=float32",
        ]
        run = subprocess.run(words, input=prompt + "\n", capture_output=True, text=True, check=True)
        answers.append(run.stdout.removesuffix("\n"))
    return answers


def theirs(directory, new_tokens):
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    answers = []
    for prompt in PROMPTS:
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
        ids = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt"
        )
        ids = ids if torch.is_tensor(ids) else ids["input_ids"]
        out = model.generate(ids, max_new_tokens=new_tokens, do_sample=False)
        answers.append(tokenizer.decode(out[0][ids.shape[1] :], skip_special_tokens=True))
    return answers


def main():
    directory, template, engine = sys.argv[1:4]
    new_tokens = int(sys.argv[4]) if len(sys.argv) > 4 else 48
    different = 0
    answers = zip(ours(directory, template, engine, new_tokens), theirs(directory, new_tokens))
    for prompt, (a, b) in zip(PROMPTS, answers):
        same = a == b
        different += not same
        print(("same      " if same else "DIFFERENT ") + prompt + " -> " + repr(a))
        if not same:
            print("          transformers: " + repr(b))
    sys.exit(1 if different else 0)


main()
