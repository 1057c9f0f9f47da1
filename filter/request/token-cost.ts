// The default profile's scorer: what it costs, in prompt bytes, to send the request to an endpoint.
//
//   cost(e) = slowness(e) · (backlog(e) + ω · resident(e) + adapter(e)
//           + (γ + α · mean(backlog) / mean(uncached) + β · unanswered(e)) · uncached(e)
//           + ρ · renewal(e) · (uncached(e) + found · older(e)))
//
// backlog: uncached bytes sent to e and not answered yet; unanswered: of how many requests. uncached:
// bytes of this prompt that e does not hold, less a credit for what it held until recently. resident:
// prompt bytes of all requests in flight on e, which its decode steps read. All in one unit, so a
// constant factor cancels out.
//
// An engine prefills many prompts in one step, and answers none before the step ends. So those that
// wait on e wait longer by what this prompt adds, each of them (β): a long prompt goes where few wait,
// though what few wait for may be more. Those who come later are delayed too (α):
// mean(backlog) / mean(uncached) stands for how many wait on an endpoint. Where nearly all is
// cached, many may wait and be answered by one step of the engine: they are no queue, and counting
// them would keep one hot prompt on the endpoints that hold it. So the mean is at least a share of a
// step.
//
// What an endpoint computes pushes out what it held, and requests come back to what it computed: one
// that computed much lately loses more by this prompt, and has more work on its way. So
//
//   renewal(e) = found · renewed(e) / (renewed(e) + usual)        0 to 1
//
// renewed: the share of e's cache that was computed anew lately; usual: its mean where caches are full,
// and more than its mean before; found: the share of prompts found cached, without which nothing is
// lost and nobody comes back.
// older: bytes that e and others hold, each counted by how much of e's cache its copy is older than the one
// used last. To use a copy is to keep it, and two copies of what one endpoint can serve take room from others:
// less where nobody comes back, since then both leave soon.
// slowness: how long a prompt takes on e over the pool's mean, which makes a time of the bytes. adapter:
// what it takes until the request's LoRA adapter runs there. Backlog, unanswered and resident include
// requests that passed no gateway.
import { POOL_ENDPOINTS_MAX } from "../../protocol/limits.ts";
import { adapterPlace, HAS_ROOM, IS_FULL, isAdapter } from "../hints/adapter-places.ts";
import { olderBlocks } from "../hints/copies.ts";
import { Pool } from "../hints/pool.ts";
import { matchedKeys, rememberedKeys } from "../hints/prefix-index.ts";
import { renewalOf } from "../hints/renewal.ts";
import { slownessOf } from "../hints/table.ts";
import { candidateCount, candidates } from "./candidates.ts";
import { uncachedBytes } from "./cover.ts";
import { backlogBefore, residentBefore, waitingBefore } from "./load-before.ts";
import { Wish } from "./wish.ts";

/**
 * Engines prefill a few thousand tokens a step (vLLM serves with 8,192 on large GPUs, else 2,048);
 * a mean below a share of that makes no queue. Which share depends on α: only α / floor counts.
 */
const STEP_TOKENS: f64 = 1_024;

/** An adapter is loaded in about a tenth of a second, in which an engine reads about this much. */
const ADAPTER_LOAD_TOKENS: f64 = 2_048;
/** Until the requests of another adapter have ended it takes as long as an answer: seconds. */
const ADAPTER_WAIT_TOKENS: f64 = 32_768;

export const costs = new StaticArray<f64>(<i32>POOL_ENDPOINTS_MAX);
const backlogs = new StaticArray<f64>(<i32>POOL_ENDPOINTS_MAX);

/** Fills `column` with least cost / cost: 1 for the cheapest candidate, towards 0 for a dear one. */
export function scoreCosts(
  pool: Pool,
  step: i32,
  wish: Wish,
  trust: f64,
  column: StaticArray<f64>,
): void {
  const omega = pool.parameter(step, 2);
  const credit = pool.parameter(step, 3);
  const beta = pool.parameter(step, 5);
  const price = priceOfUncached(pool, step, trust);
  const found = pool.foundShare();
  const rho = pool.parameter(step, 6) * found;
  const older = found * <f64>pool.blockBytes;
  const hasAdapter = isAdapter(wish.modelName);
  let least = Infinity;
  for (let i = 0; i < candidateCount; i++) {
    const slot = <u32>unchecked(candidates[i]);
    const resident = residentBefore(pool, slot, trust);
    const waiting = waitingBefore(slot, trust);
    const missing = missingBytes(wish, slot, credit);
    const kept = missing + older * unchecked(olderBlocks[slot]);
    const room = rho * renewalOf(pool, slot) * kept;
    const place = hasAdapter ? adapterTokens(slot, wish.modelName) * pool.bytesPerToken : 0;
    const work = unchecked(backlogs[i]) + (price + beta * waiting) * missing;
    const bytes = work + room + omega * resident + place;
    const cost = <f64>unchecked(slownessOf[slot]) * bytes;
    unchecked((costs[i] = cost));
    least = min(least, cost);
  }
  for (let i = 0; i < candidateCount; i++) {
    unchecked((column[i] = costs[i] <= least ? 1 : least / costs[i]));
  }
}

/** γ + α · mean(backlog) / mean(uncached); fills the backlogs on its way. */
function priceOfUncached(pool: Pool, step: i32, trust: f64): f64 {
  let sum: f64 = 0;
  for (let i = 0; i < candidateCount; i++) {
    const slot = <u32>unchecked(candidates[i]);
    const backlog = backlogBefore(pool, slot, trust);
    unchecked((backlogs[i] = backlog));
    sum += backlog;
  }
  const mean = sum / <f64>candidateCount;
  return (
    pool.parameter(step, 0) +
    (pool.parameter(step, 1) * mean) / max(STEP_TOKENS * pool.bytesPerToken, pool.meanUncached)
  );
}

/** What waiting for the request's adapter costs. */
function adapterTokens(slot: u32, name: u64): f64 {
  const place = adapterPlace(slot, name);
  if (place === HAS_ROOM) return ADAPTER_LOAD_TOKENS;
  return place === IS_FULL ? ADAPTER_WAIT_TOKENS : 0;
}

function missingBytes(wish: Wish, slot: u32, credit: f64): f64 {
  const missing = <f64>uncachedBytes(wish, unchecked(matchedKeys[slot]));
  const remembered = unchecked(rememberedKeys[slot]);
  if (credit <= 0 || remembered <= unchecked(matchedKeys[slot])) return missing;
  return missing - credit * (missing - <f64>uncachedBytes(wish, remembered));
}
