// The first way in which data does not fit its schema, told in the words of the file.
import type { TSchema } from "typebox";
import { Value } from "typebox/value";
import type { Path } from "./yaml-text.ts";

export type SchemaProblem =
  | { kind: "unknown key"; path: Path; key: string; known: string[] }
  | { kind: "invalid value"; path: Path; value: unknown; problem: string };

/** Undefined when `value` fits. An unknown key comes first: it often explains the rest. */
export function schemaProblem(schema: TSchema, value: unknown): SchemaProblem | undefined {
  if (Value.Check(schema, value)) return undefined;
  const errors = Value.Errors(schema, value);
  const error = errors.find((one) => one.keyword === "additionalProperties") ?? errors[0];
  if (error === undefined) return { kind: "invalid value", path: [], value, problem: "not valid" };
  const path = pathOf(error.instancePath);
  if (error.keyword === "additionalProperties") {
    const key = error.params.additionalProperties[0] ?? "";
    return { kind: "unknown key", path, key, known: keysAt(schema, error.schemaPath) };
  }
  if (error.keyword === "required") {
    const key = error.params.requiredProperties[0] ?? "";
    return { kind: "invalid value", path: [...path, key], value: undefined, problem: "give it" };
  }
  const problem = error.keyword === "enum" ? oneOf(error.params.allowedValues) : error.message;
  return { kind: "invalid value", path, value: valueAt(value, path), problem };
}

function oneOf(values: readonly unknown[]): string {
  return `must be one of ${values.join(", ")}`;
}

/** A path as people write it: `plugins[0].type`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number" || /^\d+$/.test(step)) return `${text}[${step}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}

/** A JSON pointer; array positions become numbers. */
function pathOf(pointer: string): (string | number)[] {
  if (pointer === "") return [];
  return pointer
    .slice(1)
    .split("/")
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}

/** Undefined where the path leads nowhere. */
export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, step) => (inner as Record<string, unknown>)?.[step], value);
}

function keysAt(schema: TSchema, schemaPath: string): string[] {
  const found = valueAt(schema, pathOf(schemaPath.slice(1))) as { properties?: object } | undefined;
  return Object.keys(found?.properties ?? {});
}
