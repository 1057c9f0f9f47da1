"""The event loop: arrivals -> a router -> engines -> feedback to the router."""
import heapq
import random
from bisect import bisect_right

from .kvcache import PrefixCache
from .server import Server


class Snapshot:
    """What a scrape of one engine's /metrics gives."""
    __slots__ = ("t", "waiting", "running", "kv_usage")

    def __init__(self, t, waiting, running, kv_usage):
        self.t, self.waiting, self.running, self.kv_usage = t, waiting, running, kv_usage


class Env:
    """What a policy may know in advance."""

    def __init__(self, n, block, profile, seed, proxy=0, proxies=1, share_s=None):
        self.proxy, self.proxies, self.share_s = proxy, proxies, share_s
        self.n, self.block_tokens, self.profile, self.seed = n, block, profile, seed
        self.kv_tokens = profile.kv_tokens
        self.rng = random.Random(seed)


class View:
    """What a policy may look at when it picks. Privileged looks must be declared
    in Policy.uses ("metrics", "kv_events", "oracle")."""

    def __init__(self, sim, uses):
        self._sim, self._uses = sim, uses

    @property
    def metrics(self):
        assert "metrics" in self._uses
        return self._sim.snapshots()

    def cached_blocks(self, e, hashes):
        """KV-event view: leading blocks present in engine e's cache right now."""
        assert "kv_events" in self._uses
        s = self._sim
        return s.servers[e].cache.match(hashes)

    @property
    def servers(self):
        assert "oracle" in self._uses
        return self._sim.servers


class Sim:
    def __init__(self, trace, profile, n, make_policy, scrape_s=0.05, scrape_delay_s=0.0,
                 proxies=1, seed=1, shared_cache=False, feedback=True, share_s=None):
        self.trace, self.n = trace, n
        self.now = 0.0
        self.events = []
        self._c = 0
        self.rng = random.Random(seed * 7919 + 13)
        self.scrape, self.delay = scrape_s, scrape_delay_s
        self.phase = [self.rng.random() * max(0.0, scrape_s) for _ in range(n)]
        if shared_cache:
            one = PrefixCache(profile.kv_tokens * n, trace.block)
            caches = [one] * n
        else:
            caches = [PrefixCache(profile.kv_tokens, trace.block) for _ in range(n)]
        self.servers = [Server(i, profile, caches[i], self) for i in range(n)]
        self._snap_key = None
        self._snap = None
        self.feedback = feedback
        self.share = share_s if proxies > 1 else None
        self.policies = []
        for k in range(proxies):
            pol = make_policy(Env(n, trace.block, profile, seed * 1000 + k, k, proxies, self.share))
            self.policies.append((pol, View(self, pol.uses)))
        self.imbalance = [0.0, 0]
        self.rejected = 0

    # -- events ------------------------------------------------------------
    def push(self, t, kind, arg):
        self._c += 1
        heapq.heappush(self.events, (t, self._c, kind, arg))

    def run(self):
        for r in self.trace.requests:
            if r.t is not None:
                self.push(r.t, "arrive", r)
        ev, pop = self.events, heapq.heappop
        while ev:
            t, _, kind, arg = pop(ev)
            self.now = t
            if kind == "step":
                arg[0].on_step_end(arg[1], t)
            elif kind == "arrive":
                self._arrive(arg, t)
            else:
                what, r = arg
                for i, (pol, _) in enumerate(self.policies):
                    if i != r.proxy:
                        pol.on_peer(what, r, r.endpoint, t)
        for pol, _ in self.policies:
            pol.close()
        return self

    def _arrive(self, r, t):
        r.arrival = t
        r.proxy = self.rng.randrange(len(self.policies)) if len(self.policies) > 1 else 0
        pol, view = self.policies[r.proxy]
        e = pol.pick(r, t, view)
        r.endpoint = e
        outs = [s.outstanding() for s in self.servers]
        tot = sum(outs)
        if tot >= self.n:
            self.imbalance[0] += max(outs) * self.n / tot
            self.imbalance[1] += 1
        self.servers[e].enqueue(r, t)
        self._tell("dispatch", r, t)

    def _tell(self, what, r, t):
        """Proxies exchange what they did, `share` seconds late."""
        if self.share is not None:
            self.push(t + self.share, "peer", (what, r))

    # -- called by engines -------------------------------------------------
    def first_token(self, r, server, now):
        if r.first_token is None:
            r.first_token = now
            if self.feedback:
                self.policies[r.proxy][0].on_first_token(r, server.idx, now)
                self._tell("first_token", r, now)

    def complete(self, r, server, now):
        r.done = now
        self.policies[r.proxy][0].on_complete(r, server.idx, now)
        self._tell("complete", r, now)
        if r.next is not None:
            self.push(now + r.next.delay, "arrive", r.next)

    def reject(self, r, server, now):
        r.rejected = True
        self.rejected += 1
        self.policies[r.proxy][0].on_complete(r, server.idx, now)
        self._tell("complete", r, now)
        if r.next is not None:
            self.push(now + r.next.delay, "arrive", r.next)

    # -- stale metrics -----------------------------------------------------
    def snapshots(self):
        """Latest scrape of every engine: taken every `scrape` s at its own phase,
        usable `delay` s later."""
        now, p = self.now, self.scrape
        if p < 0:              # what no engine offers: the state of this very instant
            return [Snapshot(now, len(s.waiting), len(s.prefilling) + len(s.decoding),
                             min(1.0, s.cache.used() / s.cache.cap)) for s in self.servers]
        out = []
        for s, ph in zip(self.servers, self.phase):
            if p > 0:
                k = (now - self.delay - ph) // p
                t = ph + k * p
            else:
                t = now - self.delay
            if t < 0:
                out.append(Snapshot(0.0, 0, 0, 0.0))
                continue
            i = bisect_right(s.log_t, t) - 1
            w, run, kv = s.log_v[max(0, i)]
            out.append(Snapshot(t, w, run, kv))
        return out
