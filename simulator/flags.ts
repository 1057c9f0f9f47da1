import { InvalidArgumentError } from "commander";

/** What flags may hold, as commander reads them; each throws what it tells the user. */

export function natural(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= min) return value;
    throw new InvalidArgumentError(`It must be a whole number of at least ${min}.`);
  };
}

export function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a number greater than 0.");
}

export function names(text: string): string[] {
  return text.split(/[\s,]+/).filter((name) => name !== "");
}
