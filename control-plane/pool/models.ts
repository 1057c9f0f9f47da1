// Which pool serves which model, where there are several pools: gateways find the pool by it.
import { MODELS_MAX, MODELS_TEXT_BYTES_MAX } from "../../protocol/limits.ts";
import type { Pool } from "./pool.ts";
import type { Pools } from "./pools.ts";

export interface ServedModels {
  /** Pool numbers by model name; empty where there is but one pool. */
  poolOf: ReadonlyMap<string, number>;
  /** Every pool's models are known: what is not among these, no pool serves. */
  areAll: boolean;
  /** The answer to `GET /v1/models`, as OpenAI's API has it; JSON. */
  text: string;
}

const NONE: ServedModels = { poolOf: new Map(), areAll: false, text: "" };

/**
 * `assigned` are pools by model name, as the operator says; they win over what endpoints tell. Of
 * pools whose endpoints tell the same model, the first one has it.
 */
export function servedModels(
  pools: Pools,
  assigned: Readonly<Record<string, string>>,
): ServedModels {
  const listed = pools.told.filter(({ isAside }) => !isAside);
  if (listed.length < 2) return NONE;
  const numberOf = new Map(listed.map(({ name, number }) => [name, number]));
  const poolOf = new Map<string, number>();
  for (const [model, name] of Object.entries(assigned)) {
    const number = numberOf.get(name);
    if (number !== undefined) poolOf.set(model, number);
  }
  const isAssigned = new Set(poolOf.values());
  for (const pool of listed) {
    for (const model of modelsTold(pool)) {
      if (!poolOf.has(model)) poolOf.set(model, pool.number);
    }
  }
  const areAll = listed.every((pool) => isAssigned.has(pool.number) || hasToldAll(pool));
  return bounded({ poolOf, areAll });
}

/** Models that endpoints of several pools list and nobody has assigned; of their pools the first serves them. */
export function modelsListedTwice(
  pools: Pools,
  assigned: Readonly<Record<string, string>>,
): { model: string; pools: string[] }[] {
  const namesOf = new Map<string, Set<string>>();
  for (const pool of pools.told.filter(({ isAside }) => !isAside)) {
    for (const model of modelsTold(pool)) {
      if (model in assigned) continue;
      namesOf.set(model, (namesOf.get(model) ?? new Set()).add(pool.name));
    }
  }
  return [...namesOf]
    .filter(([, names]) => names.size > 1)
    .map(([model, names]) => ({ model, pools: [...names] }));
}

/** What an endpoint that drains serves goes with it, unless another serves it too. */
function stayingEndpoints(pool: Pool) {
  return [...pool.endpoints()].filter(({ drainingSinceMs }) => drainingSinceMs === null);
}

function modelsTold(pool: Pool): string[] {
  return stayingEndpoints(pool).flatMap(({ models, reading }) => {
    return models ?? [...(reading?.models ?? []), ...(reading?.adapters.active ?? [])];
  });
}

/** Metrics name only what is in use: the endpoints' own lists are what counts. */
function hasToldAll(pool: Pool): boolean {
  const endpoints = stayingEndpoints(pool);
  const haveTold = endpoints.filter(({ models }) => models !== null);
  const lack = endpoints.filter(({ models, reading }) => models === null && reading !== null);
  return haveTold.length > 0 && lack.length === 0;
}

/** Models past the limits are left out; then not all are told. */
function bounded({ poolOf, areAll }: Omit<ServedModels, "text">): ServedModels {
  const cards: string[] = [];
  let bytes = Buffer.byteLength(listText([]));
  for (const name of poolOf.keys()) {
    const card = JSON.stringify({ id: name, object: "model", created: 0, owned_by: "hintway" });
    bytes += Buffer.byteLength(card) + 1;
    if (cards.length === MODELS_MAX || bytes > MODELS_TEXT_BYTES_MAX) break;
    cards.push(card);
  }
  const told = new Map([...poolOf].slice(0, cards.length));
  return { poolOf: told, areAll: areAll && told.size === poolOf.size, text: listText(cards) };
}

function listText(cards: string[]): string {
  return `{"object":"list","data":[${cards.join(",")}]}`;
}

export function areSameModels(a: ServedModels, b: ServedModels): boolean {
  if (a.areAll !== b.areAll || a.text !== b.text) return false;
  return [...a.poolOf].every(([model, pool]) => b.poolOf.get(model) === pool);
}
