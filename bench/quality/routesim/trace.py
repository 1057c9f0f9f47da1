"""Traces: JSON Lines in the Mooncake format, optionally with sessions.

One object per request:
  timestamp      arrival in ms (only for the first turn of a session, or open loop)
  input_length   prompt tokens          output_length  generated tokens
  hash_ids       prefix-block ids (equal id <=> equal whole prefix up to there)
  session_id     optional; turns of one session are sent in file order, each
  delay          ms after the previous one has completed (closed loop)
The first line may be a header object with "trace" (name), "block_tokens" and
"quantum_ms" (timestamps are only exact to that; arrivals are spread over it).
"""
import gzip
import json
import math
import os
import random
from urllib.parse import parse_qsl

from . import fresh, tool_mix

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "traces")


class Request:
    __slots__ = ("id", "t", "input_tokens", "output_tokens", "hashes", "session", "delay",
                 "next", "proxy", "arrival", "endpoint", "first_token", "done",
                 "cached_tokens", "rejected", "pred")

    def __init__(self, id, t, inp, out, hashes, session=None, delay=None):
        self.id, self.t = id, t
        self.input_tokens, self.output_tokens = inp, max(1, out)
        self.hashes = hashes
        self.session, self.delay = session, delay
        self.next = None
        self.proxy = 0
        self.arrival = self.endpoint = self.first_token = self.done = None
        self.cached_tokens = 0
        self.rejected = False
        self.pred = 0


class Trace:
    def __init__(self, name, block_tokens, requests):
        self.name, self.block = name, block_tokens
        self.requests = requests

    @property
    def span_s(self):
        ts = [r.t for r in self.requests if r.t is not None]
        return max(ts) - min(ts) if ts else 0.0


def _open(path):
    return gzip.open(path, "rt") if path.endswith(".gz") else open(path)


def _read(spec):
    """The header and the rows of a file, or of a trace named so under traces/."""
    path = spec if os.path.exists(spec) else os.path.join(HERE, spec + ".jsonl.gz")
    head, rows = {}, []
    with _open(path) as f:
        for line in f:
            o = json.loads(line)
            if "trace" in o and "hash_ids" not in o:
                head = o
            else:
                rows.append(o)
    return head, rows


def load(spec, rate=1.0, limit=None, copies=1, seed=1, max_tokens=None):
    """spec: a file, a name under traces/, or 'synth:<kind>?k=v&...'. rate scales time."""
    if spec.startswith("synth:"):
        tr = synth(spec[6:], seed)
    else:
        if spec == tool_mix.HEADER["trace"]:
            head, rows = tool_mix.HEADER, tool_mix.tool_mix(_read("mooncake-conversation")[1])
        else:
            head, rows = _read(spec)
        block, quantum = head.get("block_tokens", 512), head.get("quantum_ms", 0)
        if quantum:
            _spread(rows, quantum)
        tr = Trace(head.get("trace", os.path.basename(spec).split(".")[0]), block, _build(rows, block))
    reqs = tr.requests
    if max_tokens:
        reqs = [r for r in reqs if r.input_tokens + r.output_tokens <= max_tokens]
    if limit:
        reqs = reqs[:limit]
    if copies > 1:
        reqs = _replicate(reqs, copies, tr.span_s, seed)
    _link(reqs)
    for r in reqs:
        if r.t is not None:
            r.t /= rate
    tr.requests = reqs
    return tr


def _spread(rows, quantum):
    """Undo a coarse clock: arrivals of one tick get random sorted offsets within it."""
    rng = random.Random(7)
    i = 0
    while i < len(rows):
        j = i
        while j < len(rows) and rows[j]["timestamp"] == rows[i]["timestamp"]:
            j += 1
        base = rows[i]["timestamp"]
        for k, off in enumerate(sorted(rng.random() for _ in range(j - i))):
            rows[i + k]["timestamp"] = base + off * quantum
        i = j


def _build(rows, block):
    out = []
    for i, o in enumerate(rows):
        inp = o["input_length"]
        h = tuple(o["hash_ids"][:inp // block])   # partial tail blocks are never shared
        t = o.get("timestamp")
        out.append(Request(i, None if t is None else t / 1000.0, inp, o["output_length"], h,
                           o.get("session_id"),
                           None if o.get("delay") is None else o["delay"] / 1000.0))
    return out


def _link(reqs):
    """Chain the turns of closed-loop sessions; only the first turn keeps a time."""
    last = {}
    for i, r in enumerate(reqs):
        r.id = i
        if r.delay is None:
            if r.session is not None:
                last[r.session] = r
            continue
        prev = last.get(r.session)
        if prev is None:
            r.t = r.t or 0.0
        else:
            prev.next = r
            r.t = None
        last[r.session] = r


def _replicate(reqs, copies, span, seed):
    """More users: time-rotated copies with their own ids. The blocks that appear
    in more than 2% of prompts (system prompts) stay shared between copies."""
    from collections import Counter
    c = Counter(h for r in reqs for h in r.hashes)
    common = {h for h, n in c.items() if n > 0.02 * len(reqs)}
    rng = random.Random(seed)
    out = []
    for k in range(copies):
        off = rng.random() * span if k else 0.0
        for r in reqs:
            t = None if r.t is None else (r.t + off) % (span or 1.0)
            h = r.hashes if k == 0 else tuple(x if x in common else (k, x) for x in r.hashes)
            q = Request(0, t, r.input_tokens, r.output_tokens, h,
                        None if r.session is None else (k, r.session), r.delay)
            out.append(q)
    if all(q.delay is None for q in out):
        out.sort(key=lambda q: q.t)
    return out


# -- synthetic workloads ---------------------------------------------------
def synth(spec, seed=1):
    kind, _, query = spec.partition("?")
    a = {k: float(v) for k, v in parse_qsl(query)}
    rng = random.Random(seed)
    if kind == "shared-prefix":
        return _shared_prefix(a, rng)
    if kind in fresh.KINDS:
        return Trace(kind, fresh.BLOCK, _build(fresh.KINDS[kind](a, rng), fresh.BLOCK))
    raise ValueError("unknown synthetic workload " + kind)


def _shared_prefix(a, rng):
    """llm-d / inference-perf shared_prefix: G system prompts x P fixed questions."""
    g, p = int(a.get("groups", 150)), int(a.get("prompts", 5))
    sys_t, q_t = int(a.get("sys", 6000)), int(a.get("q", 1200))
    out_t, qps, n = a.get("out", 420), a.get("qps", 20), int(a.get("n", 4000))
    block = int(a.get("block", 64))
    warm = int(a.get("warm", g * p))
    reqs, t = [], 0.0
    order = [(i, j) for i in range(g) for j in range(p)]
    for i in range(n):
        if i % len(order) == 0:
            rng.shuffle(order)
        gi, pj = order[i % len(order)]
        t += rng.expovariate(15.0 if i < warm else qps)
        inp = sys_t + q_t
        h = tuple([("s", gi, b) for b in range(sys_t // block)]
                  + [("q", gi, pj, b) for b in range(inp // block - sys_t // block)])
        o = max(1, int(rng.expovariate(1 / out_t))) if out_t > 1 else 1
        reqs.append(Request(i, t, inp, min(o, int(a.get("outmax", 1000))), h, "g%d-%d" % (gi, pj)))
    return Trace("shared-prefix", block, reqs)


def stats(tr):
    """Numbers for describing a trace."""
    n = len(tr.requests)
    seen, hit, tot = set(), 0, 0
    for r in tr.requests:
        k = 0
        for h in r.hashes:
            if h not in seen:
                break
            k += 1
        hit += k * tr.block
        tot += r.input_tokens
        seen.update(r.hashes)
    ins = sorted(r.input_tokens for r in tr.requests)
    outs = sorted(r.output_tokens for r in tr.requests)
    q = lambda a, p: a[min(len(a) - 1, math.ceil(p * len(a)) - 1)]
    return {"requests": n, "block_tokens": tr.block, "mean_in": tot / n,
            "p50_in": q(ins, .5), "p90_in": q(ins, .9), "mean_out": sum(outs) / n,
            "p50_out": q(outs, .5), "p90_out": q(outs, .9),
            "infinite_cache_hit": hit / tot, "unique_blocks": len(seen),
            "span_s": tr.span_s}
