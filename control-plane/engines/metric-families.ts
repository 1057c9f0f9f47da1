// Samples of a Prometheus text page, by metric name. A model server's page holds hundreds of
// histogram lines and a handful that matter, so these are found in one pass and the rest is never
// parsed: that is what keeps a probe cheap, and why no general parser is used.
// Format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format

export interface Sample {
  labels: Record<string, string>;
  value: number;
}

export type MetricFamilies = ReadonlyMap<string, readonly Sample[]>;

/** Series of one name that are read; a page with more is not a model server's. */
const SAMPLES_MAX = 4096;

/**
 * What finds the lines of these metrics in a page. A line ends at a newline alone: labels may hold
 * whatever else JavaScript takes for one.
 */
export function linesOf(names: readonly string[]): RegExp {
  const choices = names.map((name) => RegExp.escape(name)).join("|");
  return new RegExp(`(?:^|\\n)(${choices})([{ \\t][^\\n]*)`, "g");
}

/** Reads the samples on these lines, by name. A malformed line is skipped. */
export function metricFamilies(page: string, lines: RegExp): MetricFamilies {
  const families = new Map<string, Sample[]>();
  for (const [, name = "", rest = ""] of page.matchAll(lines)) {
    const samples = families.get(name) ?? [];
    if (samples.length >= SAMPLES_MAX) continue;
    const sample = readSample(rest);
    if (sample === undefined) continue;
    samples.push(sample);
    families.set(name, samples);
  }
  return families;
}

const LABEL = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,?)/y;

/** Reads what follows the name: labels in braces, a value, perhaps a timestamp. */
function readSample(rest: string): Sample | undefined {
  const labels: Record<string, string> = {};
  let at = 0;
  if (rest.startsWith("{")) {
    LABEL.lastIndex = at = 1;
    for (let match = LABEL.exec(rest); match !== null; match = LABEL.exec(rest)) {
      labels[match[1] ?? ""] = unescaped(match[2] ?? "");
      at = LABEL.lastIndex;
    }
    const closing = rest.indexOf("}", at);
    if (closing === -1 || rest.slice(at, closing).trim() !== "") return undefined;
    at = closing + 1;
  }
  const [text = ""] = rest.slice(at).trim().split(/\s+/, 1);
  const value = numberOf(text);
  return value === undefined ? undefined : { labels, value };
}

function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\(.)/g, (_, letter: string) => (letter === "n" ? "\n" : letter));
}

function numberOf(text: string): number | undefined {
  if (/^[+-]?Inf$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  if (/^NaN$/i.test(text)) return Number.NaN;
  const value = text === "" ? Number.NaN : Number(text);
  return Number.isNaN(value) ? undefined : value;
}
