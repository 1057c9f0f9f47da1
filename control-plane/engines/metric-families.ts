// Samples of a Prometheus text page, by metric name. A model server's page holds hundreds of
// histogram lines and a handful that matter, so only the wanted names are looked for and the rest
// is never parsed: that is what keeps a probe cheap, and why no general parser is used.
// Format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format

export interface Sample {
  labels: Record<string, string>;
  value: number;
}

export type MetricFamilies = ReadonlyMap<string, readonly Sample[]>;

/** Series of one name that are read; a page with more is not a model server's. */
const SAMPLES_MAX = 4096;

/** Finds the samples of `names`. A name without samples is absent; a malformed line is skipped. */
export function metricFamilies(page: string, names: Iterable<string>): MetricFamilies {
  const families = new Map<string, Sample[]>();
  for (const name of names) {
    const samples = samplesOf(page, name);
    if (samples.length > 0) families.set(name, samples);
  }
  return families;
}

function samplesOf(page: string, name: string): Sample[] {
  const samples: Sample[] = [];
  let at = page.indexOf(name);
  while (at !== -1 && samples.length < SAMPLES_MAX) {
    const end = at + name.length;
    if (startsLine(page, at) && endsName(page, end)) {
      const sample = readSample(lineFrom(page, end));
      if (sample !== undefined) samples.push(sample);
    }
    at = page.indexOf(name, end);
  }
  return samples;
}

function startsLine(page: string, at: number): boolean {
  return at === 0 || page[at - 1] === "\n";
}

/** `num_requests_waiting` must not match `num_requests_waiting_by_reason`. */
function endsName(page: string, at: number): boolean {
  return page[at] === "{" || page[at] === " " || page[at] === "\t";
}

function lineFrom(page: string, start: number): string {
  const end = page.indexOf("\n", start);
  return page.slice(start, end === -1 ? undefined : end);
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
