// Which pool a request is for: the only one there is; else the one whose cluster its route names; else
// the one that serves its model. Where routes choose no pool at all, the model decides alone: what
// names none goes to the standard pool, and what names one that nobody serves is refused. Elsewhere
// such a request may be for a cluster that is no pool, and passes.
import { areAllKnown, NO_MODEL, poolOfModel } from "../hints/models.ts";
import { Pool } from "../hints/pool.ts";
import { firstPool, NO_POOL, poolCount, poolOfCluster, stayingPoolCount } from "../hints/table.ts";
import { CLUSTER_NAME, propertyAt, readProperty } from "../host/properties.ts";
import { TextHash } from "../json/text-hash.ts";

/** The request's model says, once its body is read. */
export const BY_MODEL: u32 = 0xfffffffe;
/** No pool serves the model. */
export const NO_SUCH_MODEL: u32 = 0xfffffffd;
/** None is known to, and not all have told their models. */
const UNKNOWN_MODEL: u32 = 0xfffffffc;

const clusterName = new TextHash();
/** The cluster that the gateway's own route leads to unless CLUSTER names another; 0 is not told. */
let fallbackCluster: u64 = 0;

/**
 * Routes of this gateway follow the filter's header, and lead to the cluster of this name without it:
 * they choose no pool. The name is empty for a gateway whose routes do.
 */
export function setFallbackCluster(at: usize, bytes: u32): void {
  fallbackCluster = bytes === 0 ? 0 : hashOfName(at, bytes);
}

/** Whether the model alone decides, where there are several pools. */
export function modelsDecide(): bool {
  return fallbackCluster !== 0;
}

function hashOfName(at: usize, bytes: u32): u64 {
  clusterName.begin();
  clusterName.add(at, bytes);
  return clusterName.stripes();
}

/** A pool's number, BY_MODEL, or NO_POOL without hints. */
export function poolOfRoute(): u32 {
  if (poolCount <= 1) return firstPool();
  if (modelsDecide()) return BY_MODEL;
  const bytes = readProperty(CLUSTER_NAME);
  const name = hashOfName(propertyAt(), bytes);
  const routed = poolOfCluster(<u32>name, <u32>(name >> 32));
  return routed === NO_POOL ? BY_MODEL : routed;
}

/** A pool's number, or NO_SUCH_MODEL, UNKNOWN_MODEL or NO_POOL. The hash of no name is 0. */
export function poolOfRequest(model: u64): u32 {
  if (stayingPoolCount <= 1) return firstPool();
  const pool = model === 0 ? NO_MODEL : poolOfModel(model);
  if (pool !== NO_MODEL) return pool;
  if (!modelsDecide()) return NO_POOL;
  if (model === 0) return standardPool();
  return areAllKnown ? NO_SUCH_MODEL : UNKNOWN_MODEL;
}

/** Of what names no model. */
function standardPool(): u32 {
  const pool = poolOfCluster(<u32>fallbackCluster, <u32>(fallbackCluster >> 32));
  return pool === NO_POOL ? firstPool() : pool;
}

/** Whether the route leads to the pool's cluster without a word of the filter. */
export function isWhereRouteLeads(pool: Pool, isByModel: bool): bool {
  if (!modelsDecide()) return !isByModel;
  return (
    pool.clusterLow === <u32>fallbackCluster && pool.clusterHigh === <u32>(fallbackCluster >> 32)
  );
}
