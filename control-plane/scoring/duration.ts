// Durations as Go writes them: `200ms`, `1m30s` (https://pkg.go.dev/time#ParseDuration).

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/gy;

/** Undefined where the text is no duration. */
export function durationMs(text: string): number | undefined {
  if (text === "0") return 0;
  let total = 0;
  let end = 0;
  for (const part of text.matchAll(PART)) {
    total += Number(part[1]) * (UNIT_MS[part[2] ?? ""] ?? 0);
    end = part.index + part[0].length;
  }
  return end === text.length && text !== "" ? total : undefined;
}
