"""What may be uneven about engines. A spec is name[:k=v,...]."""
import random
from dataclasses import replace

from routesim.server import Server
from routesim.trace import Request

from .adapters import AdapterServer


class Situation:
    name = ""

    def __init__(self, **p):
        for k, v in p.items():
            if not hasattr(self, k):
                raise ValueError("%s has no parameter %s" % (self.name, k))
            setattr(self, k, v)

    def server(self, sim, e, profile, cache):
        return Server(e, profile, cache, sim)

    def begin(self, sim):
        pass

    def ended(self, sim, r, server, now):
        """A request that did not pass the gateway."""

    def adapter(self, req):
        return None


class Even(Situation):
    """Nothing: what the others are compared with."""
    name = "even"


class Slow(Situation):
    """The first engines take `times` as long for everything, between two times. Nobody is told."""
    name = "slow"
    engines, times, begins, ends = 1, 3.0, 0.0, 1e9

    def begin(self, sim):
        for s in sim.servers[:self.engines]:
            sim.at(self.begins, lambda _, s=s: self._take(s, self.times))
            sim.at(self.ends, lambda _, s=s: self._take(s, 1 / self.times)) if self.ends < 1e9 else None

    def _take(self, s, times):
        p = s.p
        s.p = replace(p, base_us=p.base_us * times, prefill_us=p.prefill_us * times,
                      attn_us=p.attn_us * times, seq_us=p.seq_us * times, kv_us=p.kv_us * times)


class FailingServer(Server):
    """Answers a share of its requests with an error, at once. What it computes goes on."""
    share, answers_s, ill = 1.0, 0.005, False

    def enqueue(self, req, now):
        if self.ill and self.sim.rng.random() < self.share:
            self.sim.at(now + self.answers_s, lambda t: self.sim.error(req, self, t))
        else:
            super().enqueue(req, now)


class Failing(Situation):
    """The first engine answers a share of requests with an error in 5 ms, between two times. Its
    metrics page stays good."""
    name = "failing"
    share, begins, ends = 1.0, 100.0, 500.0

    def server(self, sim, e, profile, cache):
        return FailingServer(e, profile, cache, sim) if e == 0 else super().server(sim, e, profile, cache)

    def begin(self, sim):
        s = sim.servers[0]
        s.share = self.share

        def turn(ill):
            s.ill = ill
        sim.at(self.begins, lambda _: turn(True))
        sim.at(self.ends, lambda _: turn(False))


class Joining(Situation):
    """The last engine is added while the others are busy, with an empty cache."""
    name = "joining"
    joins = 300.0

    def begin(self, sim):
        sim.join(sim.n - 1)
        sim.at(self.joins, lambda _: sim.join(sim.n))


class Foreign(Situation):
    """A batch job talks to the first engines directly: on each, `clients` that send their next
    request when the last one has ended, between two times. Nothing of them is cached."""
    name = "foreign"
    engines, clients, prompt, output, begins, ends = 2, 12, 4000, 300, 100.0, 1e9

    def begin(self, sim):
        self.rng = random.Random(11)
        self.count = 0
        for e in range(self.engines):
            for _ in range(self.clients):
                sim.at(self.begins + self.rng.random(), lambda now, e=e: self._send(sim, e, now))

    def _send(self, sim, e, now):
        if sim.left <= 0 or now > self.ends:
            return
        self.count += 1
        size = self.rng.uniform(0.5, 1.5)
        r = Request(-self.count, now, int(self.prompt * size), int(self.output * size), ())
        r.arrival = now
        sim.servers[e].enqueue(r, now)

    def ended(self, sim, r, server, now):
        sim.at(now, lambda t: self._send(sim, server.idx, t))


class Adapters(Situation):
    """Every session uses one of `count` LoRA adapters, the n-th in proportion to 1/n; the first is
    the base model. See AdapterServer for what engines make of them."""
    name = "adapters"
    count, most, load_s = 24, 4, 0.1

    def server(self, sim, e, profile, cache):
        return AdapterServer(e, profile, cache, sim, self.most, self.load_s)

    def begin(self, sim):
        rng = random.Random(5)
        weights = [1 / (1 + i) for i in range(self.count)]
        of = {}
        self.of = {}
        for r in sim.trace.requests:
            key = r.session if r.session is not None else r.id
            if key not in of:
                of[key] = rng.choices(range(self.count), weights)[0]
            self.of[r.id] = of[key]
            if of[key]:
                r.hashes = tuple((of[key], h) for h in r.hashes)   # what they cache is their own

    def adapter(self, req):
        a = self.of[req.id]
        return "adapter-%d" % a if a else None


KNOWN = {c.name: c for c in (Even, Slow, Failing, Joining, Foreign, Adapters)}


def situation(spec):
    name, _, rest = spec.partition(":")
    if name not in KNOWN:
        raise SystemExit("unknown situation %r; known: %s" % (name, ", ".join(KNOWN)))
    pairs = (kv.partition("=") for kv in rest.split(",") if kv)
    return KNOWN[name](**{k: float(v) if "." in v else int(v) for k, _, v in pairs})
