// Real parts of a gateway for tests, each on a free port, started by the launcher's own code.

import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Attachment, EnvoyMessage } from "../../envoy/bootstrap.ts";
import type { Token } from "../../envoy/clusters.ts";
import type { ControlPlaneTls } from "../../envoy/tls.ts";
import { buildFilter, type FilterTarget } from "../../start/build-filter.ts";
import { findEnvoy } from "../../start/find-envoy.ts";
import { firstAnswer } from "../../start/first-answer.ts";
import { controlPlanePart, envoyPart, LOOPBACK, simulatorPart } from "../../start/parts.ts";
import { freePorts } from "../../start/ports.ts";
import { writeToken } from "../../start/state.ts";
import { Part, type PartDefinition } from "../../start/supervise.ts";
import { Watchdog } from "../../start/watchdog.ts";
import { LAUNCH } from "./launch.ts";

/** One running part. It is not restarted when it dies; `start` brings it back on its port. */
export interface Component {
  port: number;
  url: string;
  /** `ip:port`. */
  address: string;
  /** The process in force; `start` makes another. */
  readonly process: ChildProcess;
  /** Ends it in order. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again after stop or kill, with the same flags; resolves when it is healthy. */
  start(): Promise<void>;
  /** The last lines it printed. */
  lines(): string[];
}

export interface ControlPlane extends Component {
  token: string;
  stateDir: string;
}

export interface Envoy extends Component {
  adminUrl: string;
  /** The name by which the control plane knows it. */
  gateway: string;
  /** Envoy's statistics whose names match the pattern, by name. */
  statistics(pattern: string): Promise<Map<string, number>>;
}

export interface WholeGateway {
  /** Where clients connect. */
  url: string;
  simulators: Component[];
  controlPlane: ControlPlane;
  envoy: Envoy;
  stop(): Promise<void>;
}

export async function startSimulator(flags: string[] = [], port?: number): Promise<Component> {
  const chosen = port ?? (await freePort());
  return startPart(simulatorPart({ port: chosen, flags }), chosen);
}

export async function startSimulators(count: number, flags: string[] = []): Promise<Component[]> {
  const ports = await freePorts(count);
  return Promise.all(ports.map((port) => startSimulator(flags, port)));
}

export interface ControlPlaneOptions {
  attachment?: Attachment;
  /** `ip:port` of each model server; or a pool file. */
  endpoints?: string[];
  pool?: string[];
  config?: string[];
  /** Whether clients may ask why; true by default. */
  explain?: boolean;
  flags?: string[];
  /** Where flags have it serve HTTPS; this process has to trust it. */
  isSecure?: boolean;
  /** A folder of its own by default, removed when the control plane is stopped. */
  stateDir?: string;
  port?: number;
}

export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const stateDir = options.stateDir ?? temporaryFolder();
  const { token, path: tokenFile } = writeToken(stateDir);
  const port = options.port ?? (await freePort());
  const definition = controlPlanePart({ ...options, port, tokenFile, stateDir });
  if (!options.isSecure) return extended(await startPart(definition, port), { token, stateDir });
  const healthUrl = definition.healthUrl.replace("http:", "https:");
  const component = await startPart({ ...definition, healthUrl }, port);
  return extended(component, { token, stateDir, url: `https://${component.address}` });
}

export interface EnvoyOptions {
  /** What it is told of the control plane, which need not be running. */
  controlPlane: Pick<ControlPlane, "port" | "token" | "stateDir">;
  attachment?: Attachment;
  /** Where the control plane serves HTTPS. */
  controlPlaneTls?: ControlPlaneTls;
  /** Instead of the control plane's. */
  token?: Token;
  workers?: number;
  filter?: FilterTarget;
  /** The build of `filter` by default. */
  filterPath?: string;
  gateway?: string;
  logLevel?: string;
  /** A file for the access log. */
  accessLog?: string;
  /** Changes the configuration before Envoy reads it. */
  alter?: (configuration: EnvoyMessage) => EnvoyMessage | Promise<EnvoyMessage>;
}

export async function startEnvoy(options: EnvoyOptions): Promise<Envoy> {
  const { controlPlane, attachment = "pause", workers = 2 } = options;
  const [port, adminPort] = await freePorts(2);
  if (!port || !adminPort) throw new Error("no free ports");
  const gateway = options.gateway ?? `test-${port}`;
  const definition = envoyPart({
    ...{ host: LOOPBACK, port, adminPort, attachment, workers, gateway },
    binary: await findEnvoy(process.env, LAUNCH),
    controlPort: controlPlane.port,
    token: options.token ?? controlPlane.token,
    stateDir: controlPlane.stateDir,
    filterPath: await filterFor(attachment, options),
    ...(options.controlPlaneTls ? { controlPlaneTls: options.controlPlaneTls } : {}),
    ...(options.logLevel ? { logLevel: options.logLevel } : {}),
    ...(options.accessLog ? { accessLog: { path: options.accessLog } } : {}),
  });
  const component = await startPart(altered(definition, options.alter), port);
  const adminUrl = `http://${LOOPBACK}:${adminPort}`;
  const statistics = (pattern: string) => readStatistics(adminUrl, pattern);
  return extended(component, { adminUrl, gateway, statistics });
}

function altered(definition: PartDefinition, alter: EnvoyOptions["alter"]): PartDefinition {
  if (!alter) return definition;
  const path = definition.args[definition.args.indexOf("-c") + 1] ?? "";
  const prepare = async () => {
    await definition.prepare?.();
    writeFileSync(path, JSON.stringify(await alter(JSON.parse(readFileSync(path, "utf8")))));
  };
  return { ...definition, prepare };
}

export interface WholeGatewayOptions extends Omit<EnvoyOptions, "controlPlane"> {
  simulators?: number;
  simulatorFlags?: string[];
  config?: string[];
  /** Whether clients may ask why; true by default. Without it, workers may not all have hints yet. */
  explain?: boolean;
  controlPlaneFlags?: string[];
}

/** A gateway over simulators (2 by default) that has answered one request. */
export async function startWholeGateway(options: WholeGatewayOptions = {}): Promise<WholeGateway> {
  const running: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    for (const component of running.splice(0).reverse()) await component.stop();
  };
  try {
    const simulators = await startSimulators(options.simulators ?? 2, options.simulatorFlags);
    running.push(...simulators);
    const controlPlane = await startControlPlane({
      endpoints: simulators.map(({ address }) => address),
      ...(options.config ? { config: options.config } : {}),
      explain: options.explain ?? true,
      flags: options.controlPlaneFlags ?? [],
      attachment: options.attachment ?? "pause",
    });
    running.push(controlPlane);
    const envoy = await startEnvoy({ ...options, controlPlane });
    running.push(envoy);
    const shows = options.attachment !== "none" && options.explain !== false;
    const answer = await firstAnswer(envoy.url, {
      launch: LAUNCH,
      waitMaxMs: 30_000,
      picks: shows,
    });
    if ("obstacles" in answer) throw new Error(answer.obstacles.join("; "));
    return { url: envoy.url, simulators, controlPlane, envoy, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A folder under the system's temporary one, removed when the tests' process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "hintway-test-"));
  if (folders.length === 0) process.once("exit", removeFolders);
  folders.push(folder);
  return folder;
}

const folders: string[] = [];

function removeFolders(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (!port) throw new Error("no free port");
  return port;
}

/** Ends what a killed test run has left. */
let watchdog: Watchdog | undefined;

/** Starts what is no part of the project; resolves when it is healthy. */
export async function startPart(definition: PartDefinition, port: number): Promise<Component> {
  watchdog ??= new Watchdog();
  const part = new Part(definition, { watchdog });
  await part.start();
  return {
    port,
    url: `http://${LOOPBACK}:${port}`,
    address: `${LOOPBACK}:${port}`,
    get process() {
      return part.process;
    },
    stop: () => part.stop(),
    kill: () => part.kill(),
    start: () => part.start(),
    lines: () => part.lines(),
  };
}

/** Adds fields to a component and keeps its getters, which a spread would freeze. */
function extended<T extends object>(component: Component, fields: T): Component & T {
  return Object.assign(component, fields);
}

async function filterFor(attachment: Attachment, options: EnvoyOptions): Promise<string> {
  if (options.filterPath) return options.filterPath;
  return attachment === "none" ? "" : buildFilter(LAUNCH, options.filter);
}

async function readStatistics(adminUrl: string, pattern: string): Promise<Map<string, number>> {
  const url = `${adminUrl}/stats?filter=${encodeURIComponent(pattern)}`;
  const text = await (await fetch(url, { signal: AbortSignal.timeout(5_000) })).text();
  const lines = text.split("\n").map((line) => line.split(": "));
  return new Map(lines.flatMap(([name, value]) => (name ? [[name, Number(value)]] : [])));
}
