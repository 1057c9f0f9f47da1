"""Workloads made after the default profile's constants were fixed, to see whether they hold elsewhere.

Rows are in the form of trace.py. None imitates a published trace; shapes and sizes are round numbers
chosen before any policy was run on them.
"""
from itertools import count

BLOCK = 256


def _chain(ids, n, fresh):
    """The first n tokens as whole blocks: known ones from `ids`, which grows where it ends."""
    while len(ids) < n // BLOCK:
        ids.append(next(fresh))
    return ids[:n // BLOCK]


def assistants(a, rng):
    """Closed-loop chats: 12 system prompts, some far more used, of 500 to 8,000 tokens; 3 to 25 turns,
    which think 2 to 30 s. The answer becomes part of the next prompt."""
    fresh, rows, t = count(), [], 0.0
    systems = [rng.choice((500, 2000, 4000, 8000)) for _ in range(12)]
    heads = [[] for _ in systems]
    for s, n in zip(heads, systems):
        _chain(s, n, fresh)
    session = 0
    while len(rows) < int(a.get("n", 2500)):
        k = min(int(rng.paretovariate(0.8)) - 1, 11)
        ids, length = list(heads[k]), systems[k]
        t += rng.expovariate(a.get("qps", 0.5))
        for turn in range(rng.randint(3, 25)):
            length += int(rng.lognormvariate(5.5, 1.2)) + 20
            out = int(rng.lognormvariate(5, 0.8)) + 1
            row = {"input_length": length, "output_length": out,
                   "hash_ids": list(_chain(ids, length, fresh)), "session_id": session}
            row.update({"timestamp": 1000 * t} if turn == 0 else {"delay": 1000 * rng.uniform(2, 30)})
            rows.append(row)
            length += out
        session += 1
    return rows


def documents(a, rng):
    """Questions about 400 documents of 2,000 to 40,000 tokens, the first ones asked about most."""
    fresh, rows, t = count(), [], 0.0
    docs = [int(2000 * 20 ** rng.random()) for _ in range(400)]
    ids = [_chain([], n, fresh) for n in docs]
    for _ in range(int(a.get("n", 2500))):
        d = int(400 * rng.random() ** 2.5)
        t += rng.expovariate(a.get("qps", 4))
        n = docs[d] + rng.randint(30, 400)
        rows.append({"timestamp": 1000 * t, "input_length": n, "output_length": rng.randint(50, 300),
                     "hash_ids": list(ids[d]) + [next(fresh) for _ in range(n // BLOCK - len(ids[d]))]})
    return rows


def mixed(a, rng):
    """Nothing shared: 85 % of 50 to 800 tokens, 15 % of 8,000 to 50,000, in bursts."""
    rows, t = [], 0.0
    for i in range(int(a.get("n", 4000))):
        busy = (i // 200) % 2
        t += rng.expovariate(a.get("qps", 6) * (1.5 if busy else 0.75))
        n = rng.randint(50, 800) if rng.random() < 0.85 else rng.randint(8000, 50000)
        rows.append({"timestamp": 1000 * t, "input_length": n, "output_length": rng.randint(20, 500),
                     "hash_ids": []})
    return rows


KINDS = {"assistants": assistants, "documents": documents, "mixed": mixed}
