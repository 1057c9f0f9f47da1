"""python3 -m routesim run|list|stats ..."""
import argparse
import json
import sys
import time

from . import policies, profiles, report, trace
from .sim import Sim

COLS = [("policy", "%-34s"), ("ttft_mean", "%8.3f"), ("ttft_p50", "%8.3f"), ("ttft_p90", "%8.3f"),
        ("ttft_p99", "%8.3f"), ("e2e_mean", "%8.2f"), ("e2e_p99", "%8.2f"), ("tpot_p90", "%8.4f"),
        ("hit", "%6.3f"), ("imbalance", "%6.2f"), ("prefill_cv", "%6.3f"), ("good", "%6.3f"),
        ("goodput_rps", "%8.2f"), ("out_tok_s", "%9.0f"), ("busy", "%5.2f"), ("preempt", "%5d"),
        ("rejected", "%4d"), ("wall_s", "%6.1f")]


def one(spec, a):
    tr = trace.load(a.trace, a.rate, a.limit, a.copies, a.seed, a.max_tokens)
    prof = profiles.get(a.profile, kv_tokens=a.kv_tokens, max_seqs=a.max_seqs)
    t0 = time.time()
    sim = Sim(tr, prof, a.n, policies.maker(spec), a.scrape_ms / 1e3, a.scrape_delay_ms / 1e3,
              a.proxies, a.seed, a.shared_cache, not a.no_first_token,
              None if a.share_ms is None else a.share_ms / 1e3).run()
    r = report.summarize(sim, a.warmup, a.slo_ttft_ms / 1e3, a.slo_tpot_ms / 1e3)
    r["wall_s"] = time.time() - t0
    r["policy"] = spec if not a.shared_cache else spec + " [shared cache]"
    r["conf"] = {k: v for k, v in vars(a).items() if k not in ("policy", "fn", "json")}
    return r


def header():
    return " ".join("%*s" % (len(f % (0 if "s" not in f[-1] else "")) or 8, k) if k != "policy"
                    else "%-34s" % k for k, f in COLS)


def row(r):
    return " ".join(f % r[k] for k, f in COLS)


def run(a):
    if not a.json:
        print(header())
    for spec in a.policy:
        r = one(spec, a)
        print(json.dumps(r) if a.json else row(r), flush=True)


def main(argv=None):
    ap = argparse.ArgumentParser(prog="routesim")
    sub = ap.add_subparsers(dest="cmd", required=True)
    p = sub.add_parser("run", help="simulate one or more policies")
    add_args(p)
    p.add_argument("policy", nargs="+", help="name[:k=v,...] or external:<command>")
    p.add_argument("--json", action="store_true", help="print results as JSON lines")
    p.set_defaults(fn=run)
    p = sub.add_parser("list", help="list policies and profiles")
    p.set_defaults(fn=lambda a: print("\n".join(
        ["policies:"] + ["  %-20s %s" % (n, (c.__doc__ or "").strip().split("\n")[0])
                         for n, c in sorted(policies.REGISTRY.items())]
        + ["profiles:"] + ["  " + str(x) for x in profiles.PROFILES.values()])))
    p = sub.add_parser("stats", help="describe a trace")
    p.add_argument("trace", nargs="+")
    p.add_argument("--limit", type=int)
    p.add_argument("--copies", type=int, default=1)
    p.set_defaults(fn=lambda a: [print(t, json.dumps(trace.stats(trace.load(t, limit=a.limit, copies=a.copies))))
                                 for t in a.trace])
    a = ap.parse_args(argv)
    a.fn(a)


def add_args(p):
    p.add_argument("--trace", required=True)
    p.add_argument("--profile", default="qwen32b-2xh100")
    p.add_argument("--n", type=int, default=8, help="number of engines")
    p.add_argument("--rate", type=float, default=1.0, help="time is divided by this")
    p.add_argument("--limit", type=int)
    p.add_argument("--copies", type=int, default=1)
    p.add_argument("--max-tokens", type=int)
    p.add_argument("--kv-tokens", type=int)
    p.add_argument("--max-seqs", type=int)
    p.add_argument("--scrape-ms", type=float, default=50, help="0: the last engine step; -1: live state")
    p.add_argument("--scrape-delay-ms", type=float, default=0)
    p.add_argument("--proxies", type=int, default=1)
    p.add_argument("--share-ms", type=float, help="proxies exchange events, this late")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--warmup", type=float, default=0.1)
    p.add_argument("--slo-ttft-ms", type=float, default=2000)
    p.add_argument("--slo-tpot-ms", type=float, default=100)
    p.add_argument("--shared-cache", action="store_true")
    p.add_argument("--no-first-token", action="store_true", help="no first-token feedback (non-streaming)")


if __name__ == "__main__":
    sys.exit(main())
