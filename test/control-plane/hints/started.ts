// A control plane with its web server, inside the test's process.
import type { FastifyInstance } from "fastify";
import { afterEach } from "vitest";
import { defaultConfiguration } from "../../../control-plane/config/configuration.ts";
import { ControlPlane, type ControlPlaneOptions } from "../../../control-plane/control-plane.ts";
import type { DiscoveredEndpoint } from "../../../control-plane/discovery/discovered.ts";
import { endpointsFromFlag } from "../../../control-plane/discovery/file.ts";
import { createApp } from "../../../control-plane/http/app.ts";
import type { Attachment } from "../../../control-plane/http/clusters.ts";
import { Tokens } from "../../../control-plane/http/tokens.ts";
import type { Pool } from "../../../control-plane/pool/pool.ts";
import type { Adjustable } from "../../../control-plane/settings.ts";
import { until } from "../../support/until.ts";
import { EngineStandIn } from "./engine-stand-in.ts";
import { type Post, TestGateway } from "./gateway.ts";

export const TOKEN = "the-token";
const AUTHORIZATION = { authorization: `Bearer ${TOKEN}` };

export interface StartedOptions extends Partial<ControlPlaneOptions> {
  engines?: number;
  attachment?: Attachment;
  /** How much later than the process's own clock it is, in ms. */
  clock?: { aheadMs: number };
}

/** Call it at a test file's top: what `start` has started is stopped when its test is over. */
export function startingEach() {
  const all: Started[] = [];
  afterEach(async () => {
    await Promise.all(all.splice(0).map((started) => started.stop()));
  });
  return {
    async start(options?: StartedOptions): Promise<Started> {
      const started = await Started.start(options);
      all.push(started);
      return started;
    },
    /** What the test started last. */
    running(): Started {
      const started = all.at(-1);
      if (!started) throw new Error("the test has not started a control plane");
      return started;
    },
  };
}

export class Started {
  readonly controlPlane: ControlPlane;
  readonly app: FastifyInstance;
  readonly engines: EngineStandIn[];

  private constructor(controlPlane: ControlPlane, app: FastifyInstance, engines: EngineStandIn[]) {
    this.controlPlane = controlPlane;
    this.app = app;
    this.engines = engines;
  }

  /** Resolves when every engine was probed once. */
  static async start(options: StartedOptions = {}): Promise<Started> {
    const { engines: count = 2, attachment = "pause", clock = { aheadMs: 0 } } = options;
    const engines = await Promise.all(
      Array.from({ length: count }, () => new EngineStandIn().open()),
    );
    const controlPlane = new ControlPlane({
      ...ADJUSTABLE,
      configuration: defaultConfiguration(),
      lastKnownSlots: [],
      now: () => performance.now() + clock.aheadMs,
      random: Math.random,
      onTable() {},
      ...options,
    });
    const tokens = new Tokens();
    tokens.replace([TOKEN]);
    const app = createApp(controlPlane, { tokens, attachment, logger: false });
    const started = new Started(controlPlane, app, engines);
    started.list(started.listed());
    controlPlane.start();
    if (count > 0) await until("every engine is probed", () => controlPlane.pools.isReady);
    return started;
  }

  /** The endpoints of the first engines, or of all. */
  readonly listed = (count = this.engines.length): DiscoveredEndpoint[] => {
    const addresses = this.engines.slice(0, count).map((engine) => engine.address);
    return addresses.length > 0 ? endpointsFromFlag(addresses.join(",")) : [];
  };

  /** Lists these endpoints in the one pool. */
  readonly list = (endpoints: DiscoveredEndpoint[]): void => {
    this.controlPlane.discoverPools([{ name: "pool", endpoints }]);
  };

  get pool(): Pool {
    return this.controlPlane.pools.numbered(0)!;
  }

  readonly gateway = (name: string): TestGateway => new TestGateway(this.post, name);

  readonly post: Post = async (path, body) => {
    const headers = { ...AUTHORIZATION, "content-type": "application/octet-stream" };
    const answer = await this.app.inject({ method: "POST", url: path, headers, payload: body });
    return { status: answer.statusCode, body: answer.rawPayload };
  };

  /** Posts JSON with the token. */
  discover(path: string, payload: object) {
    return this.app.inject({ method: "POST", url: path, headers: AUTHORIZATION, payload });
  }

  async metrics(): Promise<string> {
    return (await this.app.inject({ url: "/metrics" })).payload;
  }

  async stop(): Promise<void> {
    await this.app.close();
    await this.controlPlane.stop();
    await Promise.all(this.engines.map((engine) => engine.close()));
  }
}

export const SETTINGS = {
  staleMs: 3000,
  blindMs: 30_000,
  bodyBytesMax: 1024,
  heldBytesMax: 4096,
  walkBytesMax: 512,
  reportMs: 50,
  indexKeysMax: 100_000,
  fallbacks: 2,
  mode: "active" as const,
  isExplained: true,
  isLogged: false,
  disaggregation: { connector: 1, encodings: 0, failure: 0, timeoutMs: 60_000, tries: 2 },
};

/** What the control plane takes at its start, and later by `adjust`. */
export const ADJUSTABLE: Adjustable = {
  blockBytes: 1024,
  settings: SETTINGS,
  probe: { periodMs: 50, timeoutMs: 1000 },
  models: {},
  modelRewrites: [],
  endpointTls: new Map(),
  objectives: {},
};
