import { ApiError } from "../api/api-error.ts";
import type { Json } from "../api/dialect.ts";
import { isObject } from "../api/fields.ts";

/** What a field may hold; the name is how a refusal says it. */
const KINDS = {
  "a text": (value: unknown) => typeof value === "string" && value !== "",
  "a port": (value: unknown) =>
    Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536,
  "a whole number": (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0,
  "a boolean": (value: unknown) => typeof value === "boolean",
  "null or left out": (value: unknown) => value === undefined || value === null,
  "a list of lists of block ids": (value: unknown) => Array.isArray(value) && value.every(isIds),
  "a list of block ids": (value: unknown) => isIds(value),
};

export type Kind = keyof typeof KINDS;

/** The object in the body under this name; undefined where there is none. */
export function objectField(body: Json, name: string): Json | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (isObject(value)) return value;
  throw wrongField(name, `must be an object, got ${JSON.stringify(value)}`);
}

/**
 * Throws for the first field that does not hold what it must. `place` is what stands before a field's
 * name in a refusal, such as `kv_transfer_params.`.
 */
export function requireFields(place: string, fields: Json, kinds: Record<string, Kind>): void {
  for (const [name, kind] of Object.entries(kinds)) {
    const value = fields[name];
    if (KINDS[kind](value)) continue;
    const got = value === undefined ? "is missing" : `got ${JSON.stringify(value)}`;
    throw wrongField(`${place}${name}`, `must be ${kind}, ${got}`);
  }
}

/** Throws for the first field that is not what was handed out. */
export function requireSame(place: string, fields: Json, handedOut: Json): void {
  for (const [name, value] of Object.entries(handedOut)) {
    const [got, wanted] = [fields[name], value].map((one) => JSON.stringify(one));
    if (got !== wanted) throw wrongField(`${place}${name}`, `is ${got}, handed out was ${wanted}`);
  }
}

/** A refusal that names the field. */
export function wrongField(field: string, what: string, status = 400): ApiError {
  return new ApiError(status, `${field} ${what}.`, field);
}

function isIds(value: unknown): boolean {
  return Array.isArray(value) && value.every((id) => Number.isInteger(id) && id >= 0);
}
