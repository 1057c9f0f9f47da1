// InferenceModelRewrites of both published groups, as rules. Of all that apply, the oldest object's rule
// wins, and within an object the first: upstream's precedence.
import { rewriteRules } from "../../config/rewrite-rules.ts";
import { pathText } from "../../config/schema-problem.ts";
import { configInvalidValue, type HintwayError } from "../../errors.ts";
import type { RewriteRule } from "../../pool/rewrites.ts";
import type { KubernetesObject } from "./api-server.ts";
import type { Events } from "./events.ts";

/** Of two objects of one name, the one of the first group counts. */
export const REWRITE_KINDS = [
  { group: "llm-d.ai", version: "v1alpha2" },
  { group: "inference.networking.x-k8s.io", version: "v1alpha2" },
] as const;

const KIND = "InferenceModelRewrite";
const RESOURCE = "inferencemodelrewrites";

type RewriteKind = (typeof REWRITE_KINDS)[number];

export interface ModelRewrite extends KubernetesObject {
  /** The pool's own namespace is its. */
  poolName: string;
}

export function rewritesPath({ group, version }: RewriteKind, namespace: string): string {
  return `/apis/${group}/${version}/namespaces/${namespace}/${RESOURCE}`;
}

export function modelRewriteOf(kind: RewriteKind, object: KubernetesObject): ModelRewrite {
  const { poolRef = {} } = object["spec"] ?? {};
  const apiVersion = `${kind.group}/${kind.version}`;
  return { ...object, apiVersion, kind: KIND, poolName: poolRef.name ?? "" };
}

export interface RewritesListener {
  /** All rules, in the order of their precedence. */
  rewrites(rules: RewriteRule[]): void;
  /** What is wrong with an object; its last good rules stay. */
  refused(part: string, error: HintwayError, kind: string): void;
  /** What was refused of it is over, or it is gone. */
  accepted(part: string): void;
}

interface Known {
  part: string;
  rules: RewriteRule[];
  /** Empty where the rules are those that the object holds. */
  refusal: string;
}

/** The rules that objects hold. What is wrong with one is told by an Event on it. */
export class ModelRewrites {
  readonly #events: Events;
  readonly #listener: RewritesListener;
  /** By the object's uid: its last good rules, and why its present ones are refused. */
  #known = new Map<string, Known>();

  constructor(events: Events, listener: RewritesListener) {
    this.#events = events;
    this.#listener = listener;
  }

  /** `poolOf` is the name by which its pool is served. */
  take(objects: readonly ModelRewrite[], poolOf: (object: ModelRewrite) => string): void {
    const before = this.#known;
    this.#known = new Map();
    const age = ({ metadata: { creationTimestamp, name, namespace } }: ModelRewrite) =>
      `${creationTimestamp} ${namespace}/${name}`;
    const byAge = [...objects].sort((a, b) => (age(a) < age(b) ? -1 : 1));
    const rules = byAge.flatMap((object) => {
      const { uid = "" } = object.metadata;
      const known = this.#read(object, before.get(uid));
      this.#known.set(uid, known);
      return known.rules.map((rule) => ({ ...rule, pool: poolOf(object) }));
    });
    const standing = new Set([...this.#known.values()].filter(isRefused).map(({ part }) => part));
    for (const known of before.values()) {
      if (isRefused(known) && !standing.has(known.part)) this.#listener.accepted(known.part);
    }
    this.#listener.rewrites(rules);
  }

  #read(object: ModelRewrite, before: Known | undefined): Known {
    const { name, namespace } = object.metadata;
    const part = `${RESOURCE}/${namespace}/${name}`;
    const rules = rewriteRules(object["spec"]?.rules);
    if (Array.isArray(rules)) return { part, rules, refusal: "" };
    const field = pathText(["spec", "rules", ...rules.path]);
    const [value, problem] =
      rules.kind === "unknown key" ? [rules.key, "is not known"] : [rules.value, rules.problem];
    const error = configInvalidValue(`${KIND} ${namespace}/${name}`, field, value, problem);
    if (error.message !== before?.refusal) {
      this.#events.tell(object, "Warning", "Refused", error.message);
      this.#listener.refused(part, error, RESOURCE);
    }
    return { part, rules: before?.rules ?? [], refusal: error.message };
  }
}

function isRefused({ refusal }: Known): boolean {
  return refusal !== "";
}
