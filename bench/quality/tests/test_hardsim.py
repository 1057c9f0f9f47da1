import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)
from hardsim import policies                                                # noqa: E402
from hardsim.sim import HardSim                                             # noqa: E402
from hardsim.situations import situation                                    # noqa: E402
from routesim import profiles, trace                                        # noqa: E402
from routesim.sim import Sim                                                # noqa: E402

P = profiles.get("qwen32b-2xh100")


def req(i, t, inp, out, session=None):
    return trace.Request(i, t, inp, out, (), session, None)


def run(spec, reqs, policy="round-robin", n=2):
    return HardSim(situation(spec), trace.Trace("t", 512, reqs), P, n, policies.maker(policy)).run()


class Situations(unittest.TestCase):
    def test_even_engines_are_as_without_a_situation(self):
        times = []
        for make in (lambda tr: Sim(tr, P, 3, policies.maker("tokencost")),
                     lambda tr: HardSim(situation("even"), tr, P, 3, policies.maker("tokencost"))):
            tr = trace.load("toolagent-like", limit=400)
            make(tr).run()
            times.append([(r.endpoint, r.first_token, r.done) for r in tr.requests])
        self.assertEqual(times[0], times[1])

    def test_slow_engine_takes_three_times_as_long(self):
        a, b = req(0, 1.0, 1000, 5), req(1, 1.0, 1000, 5)
        run("slow", [a, b])
        self.assertAlmostEqual(a.done - 1, 3 * (b.done - 1))

    def test_failing_engine_fails_a_request_three_times(self):
        a, b = req(0, 1.0, 1000, 5), req(1, 200.0, 1000, 5)
        sim = run("failing:begins=100,ends=500", [a, b], n=1)
        self.assertFalse(a.rejected)
        self.assertTrue(b.rejected)
        self.assertEqual((sim.errors, sim.rejected, sim.left), (3, 1, 0))

    def test_request_that_failed_once_counts_from_its_first_try(self):
        r = req(0, 99.0, 1000, 5)
        sim = run("failing:begins=0,ends=99.2", [r], n=1)
        self.assertEqual(sim.errors, 1)
        self.assertEqual(r.arrival, 99.0)
        self.assertGreater(r.first_token, 99.5)

    def test_nobody_picks_an_engine_that_has_not_joined(self):
        for name in ("gie-default", "llmd-optimized", "dynamo-lmetric", "tokencost", "oracle-each"):
            tr = trace.load("toolagent-like", limit=300)
            HardSim(situation("joining:joins=20"), tr, P, 3, policies.maker(name)).run()
            early = {r.endpoint for r in tr.requests if r.arrival < 20}
            late = {r.endpoint for r in tr.requests if r.arrival >= 20}
            self.assertEqual((early, late), ({0, 1}, {0, 1, 2}), name)

    def test_foreign_requests_are_served_and_not_counted(self):
        rs = [req(i, 10.0 + i, 1000, 5) for i in range(20)]
        sim = run("foreign:engines=1,clients=3,begins=0", rs)
        self.assertEqual(sim.summary()["requests"], 18)
        self.assertGreater(sim.servers[0].served, 13)
        self.assertEqual(sim.servers[1].served, 10)
        self.assertEqual([s.outstanding() for s in sim.servers], [0, 0])


class Adapters(unittest.TestCase):
    def test_adapter_is_loaded_once_while_it_has_a_place(self):
        a, b = req(0, 1.0, 1000, 2, "s"), req(1, 5.0, 1000, 2, "s")
        s = situation("adapters")
        tr = trace.Trace("t", 512, [a, b])
        sim = HardSim(s, tr, P, 1, policies.maker("round-robin"))
        s.of = {0: 1, 1: 1}
        sim.run()
        self.assertEqual(sim.servers[0].loads, 1)
        self.assertAlmostEqual((a.first_token - 1) - (b.first_token - 5), s.load_s)

    def test_adapter_without_a_place_waits_and_lets_others_pass(self):
        s = situation("adapters:most=1")
        rs = [req(0, 1.0, 1000, 200), req(1, 1.1, 1000, 5), req(2, 1.2, 1000, 5)]
        sim = HardSim(s, trace.Trace("t", 512, rs), P, 1, policies.maker("round-robin"))
        s.of = {0: 1, 1: 2, 2: 1}
        sim.run()
        self.assertGreater(rs[1].first_token, rs[0].done)
        self.assertLess(rs[2].done, rs[0].done)
        self.assertEqual(sim.servers[0].outstanding(), 0)

    def test_every_request_ends(self):
        for name in ("tokencost", "gie-lora"):
            tr = trace.load("synth:assistants?qps=1&n=500")
            sim = HardSim(situation("adapters:most=2"), tr, P, 3, policies.maker(name)).run()
            self.assertTrue(all(r.done is not None for r in tr.requests))
            self.assertLessEqual(max(len(s.places) for s in sim.servers), 2)


if __name__ == "__main__":
    unittest.main()
