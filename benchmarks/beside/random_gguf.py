"""Writes a llama model with random weights in a K-quant: C 1024, F 4096, V 32000, which blocks of 256 values divide.

The format is https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; there is no tokenizer, as only speed is measured.
"""
import random
import struct
from pathlib import Path

WIDTH, FEED_FORWARD, VOCABULARY, BLOCKS, HEADS, KV_HEADS = 1024, 4096, 32000, 12, 16, 4
F32, F16 = 0, 1
TYPES = {"Q4_K": (12, 144), "Q6_K": (14, 210)}  # number and bytes of a block of 256 values
U32, FLOAT, STRING = 4, 6, 8


def string(s: str) -> bytes:
    return struct.pack("<Q", len(s)) + s.encode()


def blocks(kind: str, count: int, dice: random.Random) -> bytes:
    """Random codes under one small scale; the same 64 blocks over and over."""
    def block():
        if kind == "Q4_K":  # d, dmin, scales, nibbles
            return struct.pack("<ee", 1e-4, 7e-4) + dice.randbytes(140)
        return dice.randbytes(208) + struct.pack("<e", 2e-5)  # low bits, high bits, scales, d

    some = b"".join(block() for _ in range(64))
    size = TYPES[kind][1] * count
    return (some * (size // len(some) + 1))[:size]


def write(path: Path, kind: str) -> None:
    dice = random.Random(1)
    kv = WIDTH // HEADS * KV_HEADS
    matrices = {"token_embd": (VOCABULARY, WIDTH)}
    vectors = ["output_norm"]
    for b in range(BLOCKS):
        for name, shape in (("attn_q", (WIDTH, WIDTH)), ("attn_k", (kv, WIDTH)), ("attn_v", (kv, WIDTH)),
                            ("attn_output", (WIDTH, WIDTH)), ("ffn_gate", (FEED_FORWARD, WIDTH)),
                            ("ffn_up", (FEED_FORWARD, WIDTH)), ("ffn_down", (WIDTH, FEED_FORWARD))):
            matrices[f"blk.{b}.{name}"] = shape
        vectors += [f"blk.{b}.attn_norm", f"blk.{b}.ffn_norm"]
    pairs = [("general.architecture", STRING, "llama"), ("general.name", STRING, f"random {kind}"),
             ("llama.context_length", U32, 4096), ("llama.embedding_length", U32, WIDTH), ("llama.block_count", U32, BLOCKS),
             ("llama.feed_forward_length", U32, FEED_FORWARD), ("llama.attention.head_count", U32, HEADS),
             ("llama.attention.head_count_kv", U32, KV_HEADS), ("llama.attention.layer_norm_rms_epsilon", FLOAT, 1e-5),
             ("llama.rope.freq_base", FLOAT, 10000.0), ("llama.rope.dimension_count", U32, WIDTH // HEADS),
             ("llama.vocab_size", U32, VOCABULARY), ("tokenizer.ggml.model", STRING, "none")]
    head = struct.pack("<IIQQ", 0x46554747, 3, len(matrices) + len(vectors), len(pairs))
    for key, kind_of, value in pairs:
        head += string(key) + struct.pack("<I", kind_of)
        head += string(value) if kind_of == STRING else struct.pack("<I" if kind_of == U32 else "<f", value)
    number, block_bytes = TYPES[kind]
    offset = 0
    for name, (rows, cols) in matrices.items():
        head += string(name + ".weight") + struct.pack("<IQQIQ", 2, cols, rows, number, offset)
        offset += -(-rows * cols // 256 * block_bytes // 32) * 32
    for name in vectors:
        head += string(name + ".weight") + struct.pack("<IQIQ", 1, WIDTH, F32, offset)
        offset += 4 * WIDTH
    part = path.with_suffix(".part")
    with open(part, "wb") as out:
        out.write(head + bytes(-len(head) % 32))
        for rows, cols in matrices.values():
            data = blocks(kind, rows * cols // 256, dice)
            out.write(data + bytes(-len(data) % 32))
        for _ in vectors:
            out.write(struct.pack("<f", 1.0) * WIDTH)
    part.rename(path)
