"""Reference policies that know more than routesim's."""
from routesim import policies
from routesim.policies.gie import GieDefault
from routesim.policies.oracle import Oracle

from . import external


class GieLora(GieDefault):
    """Upstream's default with its lora-affinity-scorer: 1 where the adapter runs, 0.8 where there is
    room for another, 0.6 where it is waited for, 0 elsewhere."""
    name = "gie-lora"
    w_lora = 1.0

    def prefix(self, req, view, now):
        scores, hit = super().prefix(req, view, now)
        name = view.adapter(req)
        return [p + self.w_lora / self.w_prefix * self._affinity(view, e, m.t, name)
                for e, (p, m) in enumerate(zip(scores, view.metrics))], hit

    def _affinity(self, view, e, t, name):
        running, waiting = view.adapters(e, t)
        if name in running:
            return 1.0
        if len(running) + len(waiting) < getattr(self.sim.servers[e], "most", 0):
            return 0.8
        return 0.6 if name in waiting else 0.0


class OracleOfEach(Oracle):
    """oracle-greedy, which also knows how fast each engine is."""
    name = "oracle-each"

    def pick(self, req, now, view):
        self.env.profile = current = _ProfileOfCurrent(self.env.profile)
        e = super().pick(req, now, _Watched(view, current))
        self.env.profile = current.first
        return e


class _ProfileOfCurrent:
    def __init__(self, first):
        self.first = self.now = first

    def __getattr__(self, name):
        return getattr(self.now, name)


class _Watched:
    """Notes which engine is looked at, so that the profile is that engine's."""

    def __init__(self, view, current):
        self.servers = self
        self._servers, self._current = view.servers, current

    def __getitem__(self, e):
        s = self._servers[e]
        self._current.now = s.p
        return s


OWN = {c.name: c for c in (GieLora, OracleOfEach)}


def maker(spec):
    name, _, rest = spec.partition(":")
    if name == "external":
        return external.maker(rest)
    return OWN[name] if name in OWN else policies.maker(spec)
