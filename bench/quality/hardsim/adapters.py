"""An engine with LoRA adapters, as vLLM V1 has them."""
from collections import deque

from routesim.server import Server


class AdapterServer(Server):
    """At most `most` adapters run at a time (vLLM's max_loras): a request whose adapter would be
    one more is passed over until another adapter's last request has ended. An adapter that is not in
    one of the GPU's `most` places is brought there first, which takes the step `load_s` longer."""

    def __init__(self, idx, profile, cache, sim, most, load_s):
        super().__init__(idx, profile, cache, sim)
        self.most, self.load_s = most, load_s
        self.places = {}                       # adapters on the GPU, oldest use first
        self.loads = 0
        self.loading_s = 0.0
        self.log_adapters = [((), ())]

    def _adapter(self, s):
        return self.sim.situation.adapter(s.req)

    def _running(self):
        found = {self._adapter(s) for s in self.prefilling}
        found.update(self._adapter(s) for s in self.decoding.values())
        found.discard(None)
        return found

    def enqueue(self, req, now):
        # those passed over do not keep the engine from looking at this one
        before, self.waiting = self.waiting, deque()
        super().enqueue(req, now)
        self.waiting = before + self.waiting

    def _start(self, now):
        self.loading_s = 0.0
        order = list(self.waiting)
        passed = self._passed_over(order)
        self.waiting = deque(s for s in order if id(s) not in passed)
        super()._start(now)
        left = {id(s) for s in self.waiting}
        preempted = [s for s in self.waiting if s not in order]
        self.waiting = deque(preempted + [s for s in order if id(s) in left or id(s) in passed])
        self.left_waiting = len(self.waiting)

    def _passed_over(self, order):
        active, passed = self._running(), set()
        for s in order:
            a = self._adapter(s)
            if a is None or a in active:
                continue
            if len(active) < self.most:
                active.add(a)
            else:
                passed.add(id(s))
        return passed

    def _admit(self, s):
        if not super()._admit(s):
            return False
        a = self._adapter(s)
        if a is not None:
            if a not in self.places:
                self.loads += 1
                self.loading_s += self.load_s
            self.places.pop(a, None)
            self.places[a] = None
            idle = [x for x in self.places if x not in self._running() and x != a]
            for x in idle[:max(0, len(self.places) - self.most)]:
                del self.places[x]
        return True

    def _schedule_end(self, t):
        super()._schedule_end(t + self.loading_s)

    def on_step_end(self, version, now):
        super().on_step_end(version, now)
        while len(self.log_adapters) < len(self.log_t):
            waiting = {self._adapter(s) for s in self.waiting} - {None}
            self.log_adapters.append((tuple(sorted(self._running())), tuple(sorted(waiting))))
