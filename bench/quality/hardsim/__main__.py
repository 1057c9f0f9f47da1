"""python3 -m hardsim run --situation slow ... as python3 -m routesim run"""
import argparse
import json
import sys
import time

from routesim import cli, profiles, trace

from . import policies
from .sim import HardSim
from .situations import situation


def one(spec, a):
    tr = trace.load(a.trace, a.rate, a.limit, a.copies, a.seed, a.max_tokens)
    prof = profiles.get(a.profile, kv_tokens=a.kv_tokens, max_seqs=a.max_seqs)
    t0 = time.time()
    sim = HardSim(situation(a.situation), tr, prof, a.n, policies.maker(spec), a.scrape_ms / 1e3,
                  a.scrape_delay_ms / 1e3, a.proxies, a.seed, a.shared_cache, not a.no_first_token,
                  None if a.share_ms is None else a.share_ms / 1e3).run()
    r = sim.summary(a.warmup, a.slo_ttft_ms / 1e3, a.slo_tpot_ms / 1e3)
    r["served"] = [s.served for s in sim.servers]
    r["wall_s"] = time.time() - t0
    r["policy"] = spec
    return r


def main():
    ap = argparse.ArgumentParser(prog="hardsim")
    sub = ap.add_subparsers(dest="cmd", required=True)
    p = sub.add_parser("run", help="simulate one or more policies")
    cli.add_args(p)
    p.add_argument("--situation", default="even", help="name[:k=v,...]")
    p.add_argument("policy", nargs="+", help="name[:k=v,...] or external:<command>")
    p.add_argument("--json", action="store_true", help="print results as JSON lines")
    a = ap.parse_args()
    if not a.json:
        print(cli.header())
    for spec in a.policy:
        r = one(spec, a)
        print(json.dumps(r) if a.json else "%s %6.3f %s" % (cli.row(r), r["errors"], r["served"]),
              flush=True)


if __name__ == "__main__":
    sys.exit(main())
