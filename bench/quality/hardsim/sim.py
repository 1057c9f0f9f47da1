"""The event loop of routesim, with a situation."""
from bisect import bisect_right

from routesim.report import summarize
from routesim.sim import Sim, View

RETRIES = 2                # of a client whose request was answered with an error
RETRY_S = (0.5, 1.0)       # how long it waits before each


class HardView(View):
    """What a policy sees: only engines that have joined."""

    @property
    def metrics(self):
        return self._sim.snapshots()[:self._sim.joined]

    def adapter(self, req):
        """Name of the request's adapter; None is the base model."""
        return self._sim.situation.adapter(req)

    def adapters(self, e, t):
        """What engine e's metrics told of adapters at time t: (running, waiting)."""
        assert "metrics" in self._uses
        s = self._sim.servers[e]
        log = getattr(s, "log_adapters", None)
        return log[max(0, bisect_right(s.log_t, t) - 1)] if log else ((), ())


class HardSim(Sim):
    def __init__(self, situation, trace, profile, n, make_policy, *args):
        self.situation = situation
        super().__init__(trace, profile, n, make_policy, *args)
        self.joined = n
        self.own = {id(r) for r in trace.requests}
        self.left = len(trace.requests)
        self.begun = {}                     # request -> (first arrival, tries that failed)
        self.sent, self.errors = 0, 0
        self.policies = [(p, HardView(self, p.uses)) for p, _ in self.policies]
        self.servers = [situation.server(self, s.idx, s.p, s.cache) for s in self.servers]
        for p, _ in self.policies:
            p.sim = self
        situation.begin(self)

    def at(self, t, do):
        """Calls do(now) at time t."""
        self.push(t, "step", (_Call(do), None))

    def join(self, count):
        """Only the first `count` engines are there."""
        self.joined = count
        for p, _ in self.policies:
            p.n = count
            if hasattr(p, "on_joined"):
                p.on_joined(count, self.now)

    # -- own requests and those that did not pass the gateway --------------
    def _arrive(self, r, t):
        first, _ = self.begun.setdefault(id(r), (t, 0))
        self.sent += 1
        super()._arrive(r, t)
        r.arrival = first

    def first_token(self, r, server, now):
        if id(r) in self.own:
            super().first_token(r, server, now)
        elif r.first_token is None:
            r.first_token = now

    def complete(self, r, server, now):
        if id(r) in self.own:
            self.left -= 1
            super().complete(r, server, now)
        else:
            self.situation.ended(self, r, server, now)

    def reject(self, r, server, now):
        if id(r) in self.own:
            self.left -= 1
            super().reject(r, server, now)

    def error(self, r, server, now):
        """The engine answered with an error. The client tries again, as the usual libraries do."""
        self.errors += 1
        policy = self.policies[r.proxy][0]
        getattr(policy, "on_error", policy.on_complete)(r, server.idx, now)
        self._tell("complete", r, now)
        first, failed = self.begun[id(r)]
        self.begun[id(r)] = (first, failed + 1)
        if failed < RETRIES:
            self.push(now + RETRY_S[failed], "arrive", r)
            return
        r.rejected = True
        self.left -= 1
        self.rejected += 1
        if r.next is not None:
            self.push(now + r.next.delay, "arrive", r.next)

    def summary(self, *args):
        out = summarize(self, *args)
        out["errors"] = self.errors / max(1, self.sent)
        return out


class _Call:
    """Something other than an engine that the event loop calls."""

    def __init__(self, do):
        self.do = do

    def on_step_end(self, _, now):
        self.do(now)
