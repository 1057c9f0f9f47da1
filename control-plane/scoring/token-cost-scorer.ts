// The cost in tokens of sending the request to an endpoint: what it has to prefill before, what
// this prompt adds, and what its decode steps read. Ours; ARCHITECTURE.md has the formula.
import { Type } from "typebox";
import { GHOST_SIZE_MAX } from "../../protocol/limits.ts";
import { SCORE_TOKEN_COST } from "../../protocol/profile.ts";
import { parameters, stepScorer } from "./plugin.ts";

const atLeastZero = (value: number) => Type.Number({ default: value, minimum: 0 });

export const tokenCostScorer = stepScorer({
  type: "token-cost-scorer",
  stability: "beta",
  parameters: parameters({
    /** Weight of an uncached token on idle endpoints. */
    gamma: atLeastZero(2),
    /** How much that weight grows with the mean backlog. */
    alpha: atLeastZero(0.5),
    /** How much it grows with each request that waits there for its first byte. */
    beta: atLeastZero(1.5),
    /** How much it grows where more of the cache was computed anew lately than elsewhere. */
    rho: atLeastZero(3),
    /** Weight of a resident token. */
    omega: atLeastZero(0.07),
    /** Share of an uncached token forgiven where the endpoint held it until recently. */
    ghostCredit: Type.Number({ default: 0.1, minimum: 0, maximum: 1 }),
    /** How far back "recently" goes, in sizes of the endpoint's KV cache. */
    ghostSize: Type.Number({ default: 6, minimum: 0, maximum: GHOST_SIZE_MAX }),
  }),
  step: ({ gamma, alpha, omega, ghostCredit, ghostSize, beta, rho }) => ({
    operation: SCORE_TOKEN_COST,
    parameters: [gamma, alpha, omega, ghostCredit, ghostSize, beta, rho],
  }),
});
