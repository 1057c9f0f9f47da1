"""Registry: name -> policy class. Parameters come as key=value after a colon,
for example  "llmd-affinity:threshold=0.5,max_penalty_s=2"."""
from . import external, gie, oracle, others, simple, tokencost
from .base import Policy

REGISTRY = {}
for mod in (simple, gie, others, tokencost, oracle, external):
    for c in vars(mod).values():
        if isinstance(c, type) and issubclass(c, Policy) and c.name != "base" and not c.__name__.startswith("_"):
            REGISTRY[c.name] = c


def maker(spec):
    """-> function(env) building a fresh policy, for a spec like name:k=v,k=v"""
    name, _, rest = spec.partition(":")
    if name not in REGISTRY:
        raise SystemExit("unknown policy %r; known: %s" % (name, ", ".join(sorted(REGISTRY))))
    if name == "external":
        return external.maker(rest)
    params = {}
    for kv in filter(None, rest.split(",")):
        k, _, v = kv.partition("=")
        try:
            params[k] = float(v) if "." in v or "e" in v.lower() else int(v)
        except ValueError:
            params[k] = v
    return lambda env: REGISTRY[name](env, **params)
