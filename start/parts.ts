// What is started, and with which flags.

import { join } from "node:path";
import type { AccessLogOptions } from "../envoy/access-log.ts";
import { type Attachment, bootstrap } from "../envoy/bootstrap.ts";
import type { Token } from "../envoy/clusters.ts";
import { type ControlPlaneTls, controlPlaneTransport } from "../envoy/tls.ts";
import { isHealthy } from "./health.ts";
import { newsOf } from "./news.ts";
import { projectPath } from "./project.ts";
import { readLastKnown, writePrivate } from "./state.ts";
import type { PartDefinition } from "./supervise.ts";

/** Every part but the gateway's own listener is for this machine only. */
export const LOOPBACK = "127.0.0.1";

export const SIMULATED_MODEL = "hintway-sim";

export interface SimulatorOptions {
  port: number;
  /** Further flags of simulator/main.ts. */
  flags?: string[];
}

export function simulatorPart({ port, flags = [] }: SimulatorOptions): PartDefinition {
  return {
    name: `Simulated model server ${LOOPBACK}:${port}`,
    command: process.execPath,
    args: [
      projectPath("simulator", "main.ts"),
      ...["--host", LOOPBACK, "--port", String(port), "--model", SIMULATED_MODEL],
      ...flags,
    ],
    healthUrl: `http://${LOOPBACK}:${port}/health`,
  };
}

export interface ControlPlaneOptions {
  port: number;
  attachment?: Attachment;
  tokenFile: string;
  stateDir: string;
  /** `ip:port` of each model server; or pool files, `FILE` or `NAME=FILE`. */
  endpoints?: string[];
  pool?: string[];
  config?: string[];
  settings?: string;
  /** `NAME=POOL,...` */
  models?: string;
  /** Endpoints named after the pick; the standard number by default. */
  fallbacks?: number;
  /** Whether clients may ask why an endpoint was picked; true by default. */
  explain?: boolean;
  /** Further flags of control-plane/main.ts. */
  flags?: string[];
}

export function controlPlanePart(options: ControlPlaneOptions): PartDefinition {
  return {
    name: "Control plane",
    command: process.execPath,
    args: controlPlaneWords(options),
    healthUrl: `http://${LOOPBACK}:${options.port}/readyz`,
    news: newsOf,
  };
}

/** The control plane's command line, from its program's path on. */
export function controlPlaneWords(options: ControlPlaneOptions): string[] {
  const { port, endpoints = [], pool = [], config = [], models, flags = [] } = options;
  return [
    projectPath("control-plane", "main.ts"),
    ...["--host", LOOPBACK, "--port", String(port)],
    ...(options.explain === false ? [] : ["--explain"]),
    ...["--token-file", options.tokenFile, "--state-dir", options.stateDir],
    ...["--attachment", options.attachment === "buffer" ? "buffer" : "pause"],
    ...(endpoints.length > 0 ? ["--endpoints", endpoints.join(",")] : []),
    ...pool.flatMap((file) => ["--pool", file]),
    ...config.flatMap((file) => ["--config", file]),
    ...(options.settings === undefined ? [] : ["--settings", options.settings]),
    ...(models === undefined ? [] : ["--models", models]),
    ...(options.fallbacks === undefined ? [] : ["--fallbacks", String(options.fallbacks)]),
    // What it tells of files and endpoints is news to the user.
    ...["--log-level", "info"],
    ...flags,
  ];
}

export interface EnvoyOptions {
  /** Path of the Envoy binary. */
  binary: string;
  host: string;
  port: number;
  adminPort: number;
  controlPort: number;
  /** Where the control plane serves HTTPS. */
  controlPlaneTls?: ControlPlaneTls;
  token: Token;
  stateDir: string;
  filterPath: string;
  attachment: Attachment;
  workers: number;
  /** Names this Envoy to the control plane. */
  gateway: string;
  /** As the control plane has them. */
  fallbacks?: number;
  accessLog?: AccessLogOptions;
  /** Envoy's own log. */
  logLevel?: string;
}

export function envoyPart(options: EnvoyOptions): PartDefinition {
  const configuration = join(options.stateDir, `envoy-${options.port}.json`);
  return {
    name: "Envoy",
    command: options.binary,
    args: [
      ...["-c", configuration, "--concurrency", String(options.workers)],
      // No hot restart, so two Envoys of one machine have no shared memory to collide in.
      ...["--disable-hot-restart", "--use-dynamic-base-id"],
      ...["--log-level", options.logLevel ?? "warning"],
    ],
    healthUrl: `http://${LOOPBACK}:${options.adminPort}/ready`,
    prepare: () => writeBootstrap(configuration, options),
  };
}

/** The last known state goes in only while the control plane is down: it is older than an answer. */
async function writeBootstrap(path: string, options: EnvoyOptions): Promise<void> {
  const isControlled = await isHealthy(`http://${LOOPBACK}:${options.controlPort}/readyz`);
  const lastKnown = isControlled ? undefined : readLastKnown(options.stateDir);
  const configuration = bootstrap({
    attachment: options.attachment,
    listen: { host: options.host, port: options.port },
    admin: { host: LOOPBACK, port: options.adminPort },
    controlPlane: { host: LOOPBACK, port: options.controlPort },
    token: options.token,
    filterPath: options.filterPath,
    gateway: options.gateway,
    ...(options.controlPlaneTls
      ? { controlPlaneTransport: controlPlaneTransport(options.controlPlaneTls) }
      : {}),
    ...(options.fallbacks === undefined ? {} : { fallbacks: options.fallbacks }),
    ...(options.accessLog ? { accessLog: options.accessLog } : {}),
    ...(lastKnown ? { lastKnown } : {}),
  });
  writePrivate(path, JSON.stringify(configuration, undefined, 2));
}
