"""The beginning of a trace with its times scaled, as JSON lines in the traces' own format."""
import argparse
import json

from routesim import trace

ap = argparse.ArgumentParser()
ap.add_argument("--trace", required=True)
ap.add_argument("--limit", type=int, required=True, help="requests")
ap.add_argument("--rate", type=float, default=1.0, help="arrivals' times are divided by this")
ap.add_argument("--pauses", type=float, default=1.0, help="so are times between a session's turns")
a = ap.parse_args()
tr = trace.load(a.trace, a.rate, a.limit)
print(json.dumps({"trace": tr.name, "block_tokens": tr.block}))
for r in tr.requests:
    row = {"input_length": r.input_tokens, "output_length": r.output_tokens,
           "hash_ids": list(r.hashes)}
    if r.t is not None:
        row["timestamp"] = round(r.t * 1e3, 3)
    if r.session is not None:
        row["session_id"] = r.session
    if r.delay is not None:
        row["delay"] = round(r.delay * 1e3 / a.pauses, 3)
    print(json.dumps(row, separators=(",", ":")))
