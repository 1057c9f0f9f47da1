"""toolagent-like: a SYNTHETIC tool and agent mix, in the shape of Mooncake's toolagent trace (whose file
could not be obtained whole). Real conversation requests (48 %) and two hot tool prompts, whose
parameters were read off an excerpt of about 100 rows of that trace:

  39 %  12 shared blocks (6144 tokens) + 20..3000 own tokens, 3 (60 %) or 20-80 output
  13 %   5 shared blocks (2560 tokens) + 400..900 own tokens, 16-24 output
"""
import random

HEADER = {"trace": "toolagent-like", "block_tokens": 512, "quantum_ms": 3000}
REAL_ROWS = 6000


def tool_mix(conversation, seed=11):
    """The mix, from rows of mooncake-conversation in file order."""
    rng = random.Random(seed)
    rows = [dict(o) for o in conversation[:REAL_ROWS]]
    span = rows[-1]["timestamp"]
    new = 10_000_000
    out = list(rows)
    for share, blocks, lo, hi, outs in ((39, 12, 20, 3000, None), (13, 5, 400, 900, (16, 24))):
        for _ in range(len(rows) * share // 48):
            own = int(lo + (hi - lo) * rng.random() ** 2)
            h = [9_000_000 + blocks * 1000 + b for b in range(blocks)]
            for _ in range(-(-own // 512)):
                h.append(new)
                new += 1
            o = rng.randint(*outs) if outs else (3 if rng.random() < 0.6 else rng.randint(20, 80))
            out.append({"timestamp": 3000 * int(rng.random() * span / 3000),
                        "input_length": blocks * 512 + own, "output_length": o, "hash_ids": h})
    out.sort(key=lambda o: o["timestamp"])
    return out
