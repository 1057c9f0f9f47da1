// What an operator should know of pools, said when it is another than before.
import type { Pools } from "./pools.ts";
import { CONNECTOR_NAMES, unknownConnector } from "./roles.ts";

/** More would drown the log; each is mended in the same way. */
const SHARED_MODELS_SHOWN_MAX = 16;

interface Warning {
  message: string;
  /** What it is about, by name. */
  fields: Record<string, unknown>;
}

export class PoolWarnings {
  /** By message, what was said last. */
  #said = new Map<string, string>();

  /** The warnings that are due. */
  take(pools: Pools): Warning[] {
    const all = [...warningsOf(pools)];
    const due = all.filter(
      ({ message, fields }) => this.#said.get(message) !== JSON.stringify(fields),
    );
    this.#said = new Map(all.map(({ message, fields }) => [message, JSON.stringify(fields)]));
    return due;
  }
}

function* warningsOf(pools: Pools): Generator<Warning> {
  const { rulesLeftOut, objectivesLeftOut } = pools;
  if (rulesLeftOut > 0) {
    const message = "there are more rules for models than there is room for";
    yield { message, fields: { rulesLeftOut } };
  }
  if (objectivesLeftOut > 0) {
    const message =
      "there are more objectives than there is room for; those for all count in each pool";
    yield { message, fields: { objectivesLeftOut } };
  }
  const { unknownNames } = pools;
  if (unknownNames.length > 0) {
    const known = [...pools].map(({ name }) => name).join(", ");
    const message = `there are no such pools as settings and configurations name; there are: ${known}`;
    yield { message, fields: { pools: unknownNames } };
  }
  const shared = pools.modelsListedTwice;
  if (shared.length > 0) {
    const message =
      "servers of several pools list the same models; the first pool serves them, unless --models says otherwise";
    yield { message, fields: { models: shared.slice(0, SHARED_MODELS_SHOWN_MAX) } };
  }
  const connectors = new Set(
    [...pools.endpoints()].flatMap(({ discovered }) => unknownConnector(discovered.labels) ?? []),
  );
  if (connectors.size > 0) {
    const known = CONNECTOR_NAMES.join(", ");
    const message = `endpoints have no part in prefill: llm-d.ai/kv-connector must be one of ${known}`;
    yield { message, fields: { connectors: [...connectors].sort() } };
  }
}
