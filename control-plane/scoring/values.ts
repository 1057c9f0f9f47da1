// Values of an endpoint that a profile's steps look at in the filter: four bytes each, little-endian,
// as the LOAD record has them (protocol/records.ts).
import type { EngineReading } from "../engines/engine.ts";
import { nameHash } from "../hints/name-hash.ts";

/** What a value may be computed from. */
export interface EndpointFacts {
  labels: Readonly<Record<string, string>>;
  /** Null before the first good probe. */
  reading: EngineReading | null;
}

/** Four bytes as one u32. */
export type ValueOf = (facts: EndpointFacts) => number;

const number = new Float32Array(1);
const word = new Uint32Array(number.buffer);

/** A number as an f32; undefined, like NaN, says that the endpoint has no such value. */
export function numberWord(value: number | undefined): number {
  number[0] = value ?? Number.NaN;
  return word[0] ?? 0;
}

/** The two values of a text: low and high half of its hash, both zero where there is none. */
export function textValues(textOf: (facts: EndpointFacts) => string | undefined): ValueOf[] {
  const hashOf = (facts: EndpointFacts) => nameHash(textOf(facts) ?? "");
  return [
    (facts) => (textOf(facts) ? hashOf(facts).low : 0),
    (facts) => (textOf(facts) ? hashOf(facts).high : 0),
  ];
}

/** Undefined where the endpoint has no such label. */
export function labelOf({ labels }: EndpointFacts, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
