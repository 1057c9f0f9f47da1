"""Drive a policy that lives in another process, over JSON lines on stdin and stdout.

simulator -> process
  {"type":"init","endpoints":N,"block_tokens":B,"kv_tokens":K,"seed":S,"proxies":P,"share_ms":D|null}
        once; share_ms: how late proxies hear of each other's doings, null when never
  {"type":"metrics","now_ms":T,"endpoints":[{"t_ms":..,"waiting":w,"running":r,"kv_usage":u},..]}
        before a request, whenever a new scrape became visible
  {"type":"request","now_ms":T,"proxy":p,"id":I,"input_tokens":n,"block_hashes":["<16 hex>",..],
   "session":s|null}
  {"type":"first_token","now_ms":T,"proxy":p,"id":I,"endpoint":e}
  {"type":"complete","now_ms":T,"proxy":p,"id":I,"endpoint":e,"output_tokens":n,"cached_tokens":c,
   "rejected":true|false}
process -> simulator, one line per request and for nothing else
  {"endpoint":e}        (or just the number)

One process stands for all proxies: what they tell each other is its own business.
"""
import hashlib
import json
import subprocess

from .base import Policy


class Child:
    def __init__(self, cmd, env):
        self.proc = subprocess.Popen(cmd, shell=True, stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True, bufsize=1 << 16)
        self.hex = {}
        self.seen = None
        self.say({"type": "init", "endpoints": env.n, "block_tokens": env.block_tokens,
                  "kv_tokens": env.kv_tokens, "seed": env.seed, "proxies": env.proxies,
                  "share_ms": None if env.share_s is None else env.share_s * 1e3})

    def say(self, o):
        self.proc.stdin.write(json.dumps(o, separators=(",", ":")) + "\n")

    def hash(self, h):
        x = self.hex.get(h)
        if x is None:
            x = self.hex[h] = hashlib.blake2b(repr(h).encode(), digest_size=8).hexdigest()
        return x

    def answer(self):
        self.proc.stdin.flush()
        line = self.proc.stdout.readline()
        if not line:
            raise RuntimeError("external policy ended early")
        o = json.loads(line)
        return int(o["endpoint"] if isinstance(o, dict) else o)

    def close(self):
        if self.proc.stdin.closed:
            return
        try:
            self.proc.stdin.close()
        except BrokenPipeError:
            pass
        self.proc.wait(timeout=60)


def maker(cmd):
    """-> function(env); the proxies of one simulation share a process."""
    child = None

    def make(env):
        nonlocal child
        if env.proxy == 0:
            child = Child(cmd, env)
        return External(env, child)
    return make


class External(Policy):
    name = "external"
    uses = frozenset(["metrics"])

    def __init__(self, env, child, **p):
        super().__init__(env)
        self.child = child

    def say(self, kind, now, **what):
        self.child.say({"type": kind, "now_ms": round(now * 1e3, 3), "proxy": self.env.proxy, **what})

    def pick(self, req, now, view):
        child, ms = self.child, view.metrics
        key = tuple(m.t for m in ms)
        if key != child.seen:
            child.seen = key
            child.say({"type": "metrics", "now_ms": round(now * 1e3, 3), "endpoints": [
                {"t_ms": round(m.t * 1e3, 3), "waiting": m.waiting, "running": m.running,
                 "kv_usage": round(m.kv_usage, 5)} for m in ms]})
        self.say("request", now, id=req.id, input_tokens=req.input_tokens,
                 block_hashes=[child.hash(h) for h in req.hashes],
                 session=None if req.session is None else str(req.session))
        e = child.answer()
        if not 0 <= e < self.n:
            raise ValueError("external policy chose endpoint %d" % e)
        return e

    def on_first_token(self, req, e, now):
        self.say("first_token", now, id=req.id, endpoint=e)

    def on_complete(self, req, e, now):
        self.say("complete", now, id=req.id, endpoint=e, output_tokens=req.output_tokens,
                 cached_tokens=req.cached_tokens, rejected=req.rejected)

    def close(self):
        self.child.close()
