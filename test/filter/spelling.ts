import type { Json } from "./reference-prompt.ts";

/** Numbers below `limit`, the same for the same seed. */
export function sequence(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

type Choice = (limit: number) => number;

const SHORT: Record<string, string> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\b": "\\b",
  "\f": "\\f",
  '"': '\\"',
  "\\": "\\\\",
  "/": "\\/",
};

/**
 * One of the many JSON texts of a value: order of members, white space and escapes vary, and some
 * members come twice, first with something else as their value, which does not count.
 */
export function respell(value: Json, choose: Choice): string {
  const space = () => ["", "", " ", "\n", "\t\r\n ", " ".repeat(20)][choose(6)];
  const list = (open: string, items: string[], close: string) =>
    `${open}${space()}${items.join(`${space()},${space()}`)}${space()}${close}`;
  if (typeof value === "string") return respellText(value, choose);
  if (Array.isArray(value)) {
    return list(
      "[",
      value.map((element) => respell(element, choose)),
      "]",
    );
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = shuffled(Object.entries(value), choose);
  const all = members.flatMap((member, index) => {
    const [name] = members[index + choose(members.length - index)] ?? member;
    const [, other] = members[choose(members.length)] ?? member;
    return choose(8) === 0 ? [[name, other] as [string, Json], member] : [member];
  });
  const spelled = all.map(
    ([name, member]) =>
      `${respellText(name, choose)}${space()}:${space()}${respell(member, choose)}`,
  );
  return list("{", spelled, "}");
}

function shuffled<T>(values: T[], choose: Choice): T[] {
  const order = values.map((value) => ({ value, place: choose(1 << 20) }));
  return order.sort((a, b) => a.place - b.place).map(({ value }) => value);
}

function respellText(text: string, choose: Choice): string {
  const rarity = [1, 2, 10, 200][choose(4)] ?? 1;
  const characters = [...text].map((character) => {
    const isRaw = choose(rarity) !== 0 && !/["\\\p{Cc}\p{Cs}]/u.test(character);
    return isRaw ? character : respellCharacter(character, choose);
  });
  return `"${characters.join("")}"`;
}

/** A pair of surrogates becomes two escapes. */
function respellCharacter(character: string, choose: Choice): string {
  const short = SHORT[character];
  if (short && choose(2)) return short;
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  const digits = units.map((unit) => unit.toString(16).padStart(4, "0"));
  return digits.map((unit) => `\\u${choose(2) ? unit : unit.toUpperCase()}`).join("");
}
