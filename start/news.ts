// What a waiting user wants to hear of the control plane's log, in a sentence each.

/**
 * The fields of a log line that carries an `event`; control-plane/control-plane.ts and
 * control-plane/watched-files.ts write them.
 */
interface Entry {
  event?: string;
  /** `pool`, `config` or `settings`, and behind a space the name of the pool that it is for, if it is for one. */
  file?: string;
  path?: string;
  msg?: string;
  profiles?: { profile: string; steps: string[] }[];
  warnings?: string[];
  /** The names that the file gives values to. */
  settings?: string[];
  pools?: number;
  endpoints?: number;
  endpoint?: string;
  state?: string;
  lastFailure?: string | null;
  /** What a warning is about, by name. */
  about?: Record<string, unknown>;
}

/** What is told of a file in force, by the flag that names it. */
const TEXTS: Record<string, (entry: Entry) => string> = {
  pool: poolText,
  config: profilesText,
  settings: settingsText,
};

/** The sentence for a line that the control plane printed; undefined where it is no news. */
export function newsOf(line: string): string | undefined {
  const entry = readEntry(line);
  if (entry.event === "endpoint-state") return endpointNews(entry);
  if (entry.event === "warning") return warningNews(entry);
  const [flag = "", poolName] = entry.file?.split(" ") ?? [];
  const textOf = TEXTS[flag];
  if (textOf === undefined) return undefined;
  if (entry.event === "file-refused") {
    const name = poolName === undefined ? "" : ` of ${poolName}`;
    return `--${flag}${name} refused: ${entry.msg} The last good one stays in force.`;
  }
  if (entry.event !== "file-in-force") return undefined;
  const file = poolName === undefined ? entry.path : `${poolName}=${entry.path}`;
  return [`--${flag} ${file} is in force: ${textOf(entry)}.`, ...warningLines(entry)].join("\n");
}

function readEntry(line: string): Entry {
  try {
    return (JSON.parse(line) as Entry | null) ?? {};
  } catch {
    // Not every line that a process prints is its log's.
    return {};
  }
}

function endpointNews({ endpoint, state, lastFailure }: Entry): string {
  const reason = state === "down" && lastFailure ? `: ${lastFailure}` : ".";
  return `Model server ${endpoint} is ${state}${reason}`;
}

function warningNews({ msg, about = {} }: Entry): string {
  const texts = Object.entries(about).map(
    ([name, value]) => `${name}: ${[value].flat().join(", ")}`,
  );
  return `Warning: ${msg} (${texts.join("; ")}).`;
}

function poolText({ pools = 1, endpoints = 0 }: Entry): string {
  const text = endpoints === 1 ? "1 endpoint" : `${endpoints} endpoints`;
  return pools === 1 ? text : `${pools} pools with ${text}`;
}

function profilesText({ profiles = [] }: Entry): string {
  const texts = profiles.map(({ profile, steps }) => `profile ${profile} with ${steps.join(", ")}`);
  return texts.join("; ");
}

function settingsText({ settings = [] }: Entry): string {
  return settings.length === 0 ? "all as by default" : settings.join(", ");
}

function warningLines({ warnings = [] }: Entry): string[] {
  return warnings.map((warning) => `  warning: ${warning}`);
}
