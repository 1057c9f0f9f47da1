"""routesim's line protocol with what situations add.

  joined        {"type":"joined","now_ms":T,"endpoints":N}: the first N are there from now on; also
                before the first request, where some of init's endpoints join later
  request       "adapter": its name, or null for the base model
  metrics       of each endpoint also "adapters": {"running":[..],"waiting":[..],"most":m}
  failed        {"type":"failed","now_ms":T,"id":I}: answered with status 500
"""
from routesim.policies import external


def maker(cmd):
    child = None

    def make(env):
        nonlocal child
        if env.proxy == 0:
            child = external.Child(cmd, env)
        return HardExternal(env, child)
    return make


class _Telling:
    """A child that adds to each line what the situation knows."""

    def __init__(self, child, more):
        self.child, self.more = child, more

    def __getattr__(self, name):
        return getattr(self.child, name)

    def __setattr__(self, name, value):
        if name == "seen":
            self.child.seen = value
        else:
            super().__setattr__(name, value)

    def say(self, o):
        self.more(o)
        self.child.say(o)


class HardExternal(external.External):
    def pick(self, req, now, view):
        whole = self.child

        def more(o):
            if o["type"] == "request":
                o["adapter"] = view.adapter(req)
            elif o["type"] == "metrics" and hasattr(self.sim.servers[0], "log_adapters"):
                for e, (m, told) in enumerate(zip(view.metrics, o["endpoints"])):
                    running, waiting = view.adapters(e, m.t)
                    told["adapters"] = {"running": running, "waiting": waiting,
                                        "most": self.sim.servers[e].most}
        self.child = _Telling(whole, more)
        try:
            return super().pick(req, now, view)
        finally:
            self.child = whole

    def on_joined(self, count, now):
        if self.env.proxy == 0:
            self.child.say({"type": "joined", "now_ms": round(now * 1e3, 3), "endpoints": count})

    def on_error(self, req, e, now):
        self.say("failed", now, id=req.id)
