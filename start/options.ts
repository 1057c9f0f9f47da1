// What the user asks for: flags, and the same settings by environment.

import { accessSync, constants } from "node:fs";
import { isIP } from "node:net";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { FALLBACKS_MAX, FALLBACKS_STANDARD } from "../protocol/limits.ts";
import { pathOf, withFullPath } from "./named-file.ts";
import { SIMULATED_CONNECTORS } from "./roles.ts";
import { StartError } from "./start-error.ts";

export interface Options {
  /** IP address the gateway listens on. The control plane and Envoy's admin stay on 127.0.0.1. */
  host: string;
  port: number;
  controlPort: number;
  adminPort: number;
  /** Simulated model servers to start; 0 when there are real ones. */
  simulate: number;
  /** Simulated prefill servers besides, whose prompts the others decode; 0 without disaggregation. */
  prefill: number;
  /** Simulated encoders of images and the like besides. */
  encode: number;
  /** One of SIMULATED_CONNECTORS: how simulated servers hand KV caches over. */
  connector: string;
  /** `ip:port` of each real model server. */
  endpoints: string[];
  /** `FILE` or `NAME=FILE`, with full paths. */
  pool: string[];
  config: string[];
  /** Full path of a file of Hintway's own settings. */
  settings?: string;
  /** `NAME=POOL,...` */
  models?: string;
  workers: number;
  attachment: "pause" | "buffer";
  /** Endpoints a request may be tried on after the one that was picked. */
  fallbacks: number;
  stateDir: string;
}

export type Environment = { [name: string]: string | undefined };

/**
 * Reads the arguments after the program's name; a flag wins over its environment variable.
 * Returns the help text when it is asked for. Throws StartError for what cannot be understood,
 * does not go together, or names a file that cannot be read.
 */
export function readOptions(args: string[], environment: Environment): Options | string {
  let written = "";
  const command = describedCommand();
  refuseKeptByNpm(command, environment);
  command
    .exitOverride()
    .configureOutput({ writeOut: (text) => (written += text), writeErr: () => {} });
  try {
    command.parse([...environmentArguments(command, environment, args), ...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === "commander.helpDisplayed") return written;
    throw new StartError(error.message.replace(/^error: /, ""), SEE_HELP, error);
  }
  return completed(command.opts<Parsed>(), environment);
}

/** Without `--`, npm takes options for its own and passes on at most their values. */
function refuseKeptByNpm(command: Command, environment: Environment): void {
  if (environment["npm_lifecycle_event"] !== "start") return;
  const kept = command.options
    .map((option) => option.name())
    .filter((name) => environment[`npm_config_${name.replaceAll("-", "_")}`] !== undefined)
    .map((name) => `--${name}`);
  if (kept.length === 0) return;
  throw new StartError(
    `npm has kept ${kept.join(" and ")} for itself.`,
    `Put \`--\` before the options: \`npm start -- ${kept.join(" … ")} …\`.`,
  );
}

const SEE_HELP = "See `npm start -- --help` for the options and their values.";
const SIMULATED_BY_DEFAULT = 4;

type Standing = "simulate" | "stateDir" | "endpoints" | "pool" | "config";
type Parsed = Omit<Options, Standing> & Partial<Pick<Options, Standing>>;

function describedCommand(): Command {
  const port = wholeNumber(1, 65_535);
  return new Command("npm start --")
    .description("Starts a gateway: Envoy with the filter, the control plane, and model servers.")
    .option("--endpoints <ip:port,...>", "route to these model servers", endpointList)
    .option("--pool <[name=]file>", "read, and watch, a YAML file of endpoints; once a pool", added)
    .option("--models <name=pool,...>", "which pool serves a model, where servers do not tell")
    .option("--simulate <count>", "simulate model servers (default: 4)", wholeNumber(1, 256))
    .option("--prefill <count>", "simulate prefill servers for them", wholeNumber(0, 256), 0)
    .option("--encode <count>", "simulate encoders of images for them", wholeNumber(0, 256), 0)
    .addOption(
      new Option("--connector <name>", "how simulated prefill servers hand KV caches over")
        .choices(SIMULATED_CONNECTORS)
        .default("nixlv2"),
    )
    .option("--config <[name=]file>", "read, and watch, an EndpointPickerConfig", added)
    .option("--settings <file>", "read, and watch, a YAML file of Hintway's own settings")
    .option("--port <number>", "port of the gateway", port, 8080)
    .option("--host <ip>", "address the gateway listens on", ipAddress, "127.0.0.1")
    .option("--control-port <number>", "port of the control plane", port, 8081)
    .option("--admin-port <number>", "port of Envoy's admin interface", port, 9901)
    .option("--workers <count>", "worker threads of Envoy", wholeNumber(1, 56), 2)
    .addOption(
      new Option("--attachment <way>", "how a request is held until its body is read")
        .choices(["pause", "buffer"])
        .default("pause"),
    )
    .option(
      "--fallbacks <count>",
      "endpoints to retry on after the one picked",
      wholeNumber(0, FALLBACKS_MAX),
      FALLBACKS_STANDARD,
    )
    .option("--state-dir <folder>", "keeps the token and the last known state")
    .helpOption("-h, --help", "show this text")
    .allowExcessArguments(false)
    .addHelpText("after", "\nThe same settings by environment: HINTWAY_CONTROL_PORT and so on.");
}

function added(text: string, earlier: string[] = []): string[] {
  return [...earlier, text];
}

/** `HINTWAY_CONTROL_PORT=1` as `--control-port=1`, where the user's own flags do not say otherwise. */
function environmentArguments(
  command: Command,
  environment: Environment,
  args: readonly string[],
): string[] {
  return command.options.flatMap((option) => {
    const flag = `--${option.name()}`;
    const variable = `HINTWAY_${option.name().toUpperCase().replaceAll("-", "_")}`;
    const value = environment[variable];
    const isFlagged = args.some((arg) => arg === flag || arg.startsWith(`${flag}=`));
    return value && !isFlagged ? [`${flag}=${value}`] : [];
  });
}

function completed(parsed: Parsed, environment: Environment): Options {
  refuseTwoSources(parsed);
  for (const stage of ["prefill", "encode"] as const) refuseLoneStage(stage, parsed);
  refuseSharedPorts(parsed);
  const { pool = [], config = [], settings } = parsed;
  for (const text of pool) refuseUnreadable("pool", pathOf(text));
  for (const text of config) refuseUnreadable("config", pathOf(text));
  if (settings !== undefined) refuseUnreadable("settings", settings);
  const isSimulated = !parsed.endpoints && !parsed.pool;
  return {
    ...parsed,
    simulate: isSimulated ? (parsed.simulate ?? SIMULATED_BY_DEFAULT) : 0,
    endpoints: parsed.endpoints ?? [],
    pool: pool.map(withFullPath),
    config: config.map(withFullPath),
    ...(settings === undefined ? {} : { settings: resolve(settings) }),
    stateDir: resolve(parsed.stateDir ?? defaultStateDir(environment, parsed.port)),
  };
}

function refuseTwoSources(parsed: Parsed): void {
  const sources = (["endpoints", "pool", "simulate"] as const).filter(
    (name) => parsed[name] !== undefined,
  );
  if (sources.length < 2) return;
  throw new StartError(
    `--${sources.join(" and --")} do not go together: each says where the model servers are.`,
    `Leave one of them; HINTWAY_${sources[0]?.toUpperCase()} in the environment counts too.`,
  );
}

function refuseLoneStage(stage: "prefill" | "encode", parsed: Parsed): void {
  if (parsed[stage] === 0) return;
  const source = (["endpoints", "pool"] as const).find((name) => parsed[name] !== undefined);
  if (source !== undefined) {
    throw new StartError(
      `--${stage} and --${source} do not go together: --${stage} simulates model servers.`,
      `Give real ${stage} servers the label \`llm-d.ai/role: ${stage}\` in the file of --pool.`,
    );
  }
  if (parsed.attachment !== "buffer") return;
  throw new StartError(
    `--${stage} and --attachment buffer do not go together: it cannot hold a request for that.`,
    "Leave --attachment at pause.",
  );
}

function refuseSharedPorts(parsed: Parsed): void {
  const ports = [parsed.port, parsed.controlPort, parsed.adminPort];
  if (new Set(ports).size === ports.length) return;
  throw new StartError(
    `--port, --control-port and --admin-port are ${ports.join(", ")}: two are the same.`,
    "Give each a port of its own.",
  );
}

function refuseUnreadable(name: string, path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw new StartError(
      `--${name} ${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`,
      "Give the path of a file that exists and that this user may read.",
      error,
    );
  }
}

function defaultStateDir(environment: Environment, port: number): string {
  const base = environment["XDG_STATE_HOME"] || join(homedir(), ".local", "state");
  return join(base, "hintway", String(port));
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

function ipAddress(text: string): string {
  if (isIP(text)) return text;
  throw new InvalidArgumentError("It must be an IP address, such as 0.0.0.0.");
}

function endpointList(text: string): string[] {
  const endpoints = text.split(",").map((endpoint) => endpoint.trim());
  for (const endpoint of endpoints) {
    const [, host, bracketed, port] = /^(?:([^:[\]]+)|\[(.+)\]):(\d+)$/.exec(endpoint) ?? [];
    const isAddress = isIP(host ?? "") === 4 || isIP(bracketed ?? "") === 6;
    if (isAddress && Number(port) >= 1 && Number(port) <= 65_535) continue;
    throw new InvalidArgumentError(
      `"${endpoint}" is not ip:port, such as 10.0.0.5:8000 (a name has to be resolved first).`,
    );
  }
  return endpoints;
}
