// Rules that give requests another model than they name, and what gateways are told of them.
import {
  REWRITE_RULES_MAX,
  REWRITE_TARGETS_MAX,
  REWRITE_TEXT_BYTES_MAX,
} from "../../protocol/limits.ts";

export interface RewriteRule {
  /** Names of models that it is for; none are all, and requests that name none. */
  models: readonly string[];
  /** The pool whose requests it is for; null for all. */
  pool: string | null;
  /** At least one. */
  targets: readonly RewriteTarget[];
}

export interface RewriteTarget {
  model: string;
  /** Among the rule's targets. */
  weight: number;
}

/** One model's rule, as a gateway tries it. */
export interface ToldRule {
  /** Null for all. */
  model: string | null;
  /** Number of a pool; null for all. */
  pool: number | null;
  targets: readonly RewriteTarget[];
}

/**
 * Rules in the order in which they are tried: those for a model before those for all, and else as
 * listed. Rules of pools that do not exist are left out.
 */
export function toldRules(
  listed: readonly RewriteRule[],
  numberOf: (pool: string) => number | undefined,
): ToldRule[] {
  const told = listed.flatMap(({ models, pool, targets }) => {
    const number = pool === null ? null : numberOf(pool);
    if (number === undefined) return [];
    const named: (string | null)[] = models.length > 0 ? [...models] : [null];
    return named.map((model) => ({ model, pool: number, targets }));
  });
  const isForAll = ({ model }: ToldRule) => Number(model === null);
  return told.sort((a, b) => isForAll(a) - isForAll(b));
}

/** As many rules, from the first, as gateways have room for. */
export function rulesWithinLimits(listed: readonly RewriteRule[]): RewriteRule[] {
  const left = { rules: REWRITE_RULES_MAX, targets: REWRITE_TARGETS_MAX };
  let textBytes = REWRITE_TEXT_BYTES_MAX;
  return listed.filter(({ models, targets }) => {
    const rules = Math.max(1, models.length);
    const names = targets.map(({ model }) => Buffer.byteLength(JSON.stringify(model)));
    const bytes = names.reduce((sum, one) => sum + one, 0);
    if (rules > left.rules || targets.length > left.targets || bytes > textBytes) return false;
    left.rules -= rules;
    left.targets -= targets.length;
    textBytes -= bytes;
    return true;
  });
}
