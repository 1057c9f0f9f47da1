// The whole gateway: every part in the order they need each other, and back.

import { hostname } from "node:os";
import { buildFilter } from "./build-filter.ts";
import { checkFiles } from "./check-files.ts";
import { findEnvoy } from "./find-envoy.ts";
import type { Launch } from "./launch.ts";
import type { Environment, Options } from "./options.ts";
import { controlPlanePart, envoyPart, LOOPBACK, simulatorPart } from "./parts.ts";
import { freePorts, requireFreePorts } from "./ports.ts";
import { emptyStore, roleServers, roleSimulatorPart, writeRolePool } from "./roles.ts";
import { type Serving, untilServing } from "./serving.ts";
import { makeStateDir, writeToken } from "./state.ts";
import { Part, type PartDefinition, type PartEvent } from "./supervise.ts";
import { Watchdog } from "./watchdog.ts";

export interface GatewayOptions {
  options: Options;
  environment: Environment;
  launch: Launch;
  onEvent: (event: PartEvent) => void;
}

/** What a user needs to know of a gateway that serves. */
export interface Ready extends Serving {
  /** Every process but the launcher's own, in the order they were started. */
  parts: { name: string; processId: number }[];
}

export class Gateway {
  readonly #given: GatewayOptions;
  readonly #watchdog = new Watchdog();
  /** In the order they were started. */
  readonly #parts: Part[] = [];

  constructor(given: GatewayOptions) {
    this.#given = given;
  }

  /** Resolves when the gateway serves; see `untilServing`. Throws StartError; then stop it. */
  async start(): Promise<Ready> {
    const { options, environment, launch } = this.#given;
    await requireFreePorts([
      { host: options.host, port: options.port, flag: "--port" },
      { host: LOOPBACK, port: options.controlPort, flag: "--control-port" },
      { host: LOOPBACK, port: options.adminPort, flag: "--admin-port" },
    ]);
    makeStateDir(options.stateDir);
    const { token, path: tokenFile } = writeToken(options.stateDir);
    const controlled = { ...options, port: options.controlPort, tokenFile };
    await checkFiles(controlled, launch.signal);
    const binary = await findEnvoy(environment, launch);
    const filterPath = await buildFilter(launch);
    const simulated = await this.#startSimulators(options);
    await this.#start(controlPlanePart({ ...controlled, ...simulated }));
    const gateway = `${hostname()}:${options.port}`;
    await this.#start(envoyPart({ ...options, binary, token, filterPath, gateway }));
    const serving = await untilServing(options, launch);
    return { ...serving, parts: this.#processes() };
  }

  /** Stops every part, the last started first, and leaves nothing behind. */
  async stop(): Promise<void> {
    for (const part of this.#parts.splice(0).reverse()) await part.stop();
    await this.#watchdog.close();
  }

  /** Resolves to where the control plane finds model servers, those that it simulates and others. */
  async #startSimulators(options: Options): Promise<Pick<Options, "endpoints" | "pool">> {
    const { simulate, prefill, encode, connector, stateDir, endpoints, pool } = options;
    if (prefill + encode > 0) {
      emptyStore(stateDir);
      const servers = roleServers(await freePorts(encode + prefill + simulate), encode, prefill);
      const parts = servers.map((server) => roleSimulatorPart(server, connector, stateDir));
      await Promise.all(parts.map((part) => this.#start(part)));
      return { endpoints, pool: [writeRolePool(stateDir, servers, connector)] };
    }
    const ports = await freePorts(simulate);
    await Promise.all(ports.map((port) => this.#start(simulatorPart({ port }))));
    return { endpoints: [...ports.map((port) => `${LOOPBACK}:${port}`), ...endpoints], pool };
  }

  async #start(definition: PartDefinition): Promise<void> {
    const { launch, onEvent } = this.#given;
    launch.signal.throwIfAborted();
    launch.say(`Starting: ${definition.name}`);
    const part = new Part(definition, { watchdog: this.#watchdog, onEvent, restarts: true });
    this.#parts.push(part);
    await part.start();
  }

  #processes(): Ready["parts"] {
    return this.#parts.map(({ definition, process }) => ({
      name: definition.name,
      processId: process.pid ?? 0,
    }));
  }
}
