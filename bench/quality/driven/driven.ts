// The messages of the simulator, told to gateways.

import { readFileSync } from "node:fs";
import {
  type Configuration,
  parseConfiguration,
} from "../../../control-plane/config/configuration.ts";
import type { GatewayRequest } from "../../../test/support/host-emulator/request.ts";
import { addressOf, ControlPlane } from "./control-plane.ts";
import { DrivenGateway, shippedFilter } from "./gateway.ts";
import type {
  CompleteMessage,
  FailedMessage,
  FirstTokenMessage,
  InitMessage,
  JoinedMessage,
  Message,
  MetricsMessage,
  RequestMessage,
} from "./messages.ts";
import { chatBodyOf } from "./prompts.ts";

export interface DrivenPlan {
  filter?: string;
  config?: string;
  cost?: string;
  workers?: boolean;
  bytesPerToken: number;
  cacheTold: number;
  cachedTold: boolean;
  probeMs: number;
  /** Without what, by name: one of LEAVABLE. */
  without: ReadonlySet<string>;
}

/**
 * What may be left out by name, to see what it gives: what the shipped code makes of engines that are
 * not alike; requests in flight (engines' gauges are all that is left); the sharing between workers; and
 * that the pool learns how many bytes a token has.
 */
export const LEAVABLE = [
  ...["slowness", "errors", "foreign", "adapters"],
  ...["in-flight", "sharing", "bytes-per-token"],
];

interface Flying {
  gateway: DrivenGateway;
  request: GatewayRequest;
  address: string;
  inputTokens: number;
  hadFirstByte: boolean;
}

const BASE_MODEL = "traced";
const EPOCH_MS = Date.UTC(2026, 0, 1);
/** Each seed begins at another moment, from which the filter draws its random numbers. */
const SEED_MS = 977;
/** Machines meet, and hints come, before the first request. */
const SETTLING_MS = 2_000;
const STEP_MS = 5;
/** How finely time passes between two messages: at once after one, then at leisure. */
const NEAR_STEPS = 10;
const FAR_STEP_MS = 50;
/** Bytes a token that pools begin with. */
const USUAL_BYTES_PER_TOKEN = 4;
const BAD_REQUEST = 400;
const SERVER_ERROR = 500;
/** Of the time until others know, what a report waits to be sent. */
const REPORT_SHARE = 0.5;

export class Driven {
  readonly #plan: DrivenPlan;
  readonly #init: InitMessage;
  readonly #startMs: number;
  readonly #gateways: DrivenGateway[] = [];
  readonly #controlPlanes: ControlPlane[] = [];
  readonly #flying = new Map<number, Flying>();
  #nowMs: number;
  #readMs = Number.NEGATIVE_INFINITY;

  constructor(plan: DrivenPlan, init: InitMessage) {
    this.#plan = plan;
    this.#init = init;
    this.#nowMs = EPOCH_MS + init.seed * SEED_MS;
    this.#startGateways();
    this.#passTo(this.#nowMs + SETTLING_MS);
    this.#startMs = this.#nowMs;
  }

  #startGateways(): void {
    const { proxies } = this.#init;
    const isShared = !this.#plan.without.has("sharing");
    const shareMs = isShared ? this.#init.share_ms : null;
    const isOneGateway = this.#plan.workers === true && isShared;
    const reportMs = shareMs === null ? 0 : Math.max(10, Math.round(shareMs * REPORT_SHARE));
    const filterPath = this.#plan.filter ?? shippedFilter();
    for (let number = 0; number < (isOneGateway ? 1 : proxies); number++) {
      const isAlone = number === 0 || shareMs === null;
      const controlPlane = isAlone ? this.#startControlPlane(reportMs) : this.#controlPlanes[0]!;
      this.#gateways.push(
        new DrivenGateway({
          filterPath,
          controlPlane,
          workers: isOneGateway ? proxies : 1,
          reportDelayMs: shareMs === null ? 0 : shareMs - reportMs,
          startMs: this.#nowMs + number,
          isPromptTold: this.#plan.cachedTold,
        }),
      );
    }
  }

  #startControlPlane(reportMs: number): ControlPlane {
    const { cacheTold } = this.#plan;
    const configuration = configurationOf(this.#plan);
    const controlPlane = new ControlPlane(
      {
        endpoints: this.#init.endpoints,
        cacheTokens: Math.round(this.#init.kv_tokens * cacheTold),
        without: this.#plan.without,
        ...(configuration && { configuration }),
        ...(reportMs > 0 && { reportMs }),
      },
      this.#nowMs,
    );
    this.#controlPlanes.push(controlPlane);
    return controlPlane;
  }

  /** Answers the number of the endpoint that is picked. */
  request(message: RequestMessage): number {
    this.#passTo(this.#startMs + message.now_ms);
    const isOneGateway = this.#gateways.length === 1;
    const gateway = this.#gateways[isOneGateway ? 0 : message.proxy]!;
    const prompt = {
      id: message.id,
      tokens: message.input_tokens,
      blocks: message.block_hashes,
      blockTokens: this.#init.block_tokens,
      model: message.adapter ?? BASE_MODEL,
    };
    const body = chatBodyOf(prompt, this.#plan.bytesPerToken);
    const { request, address } = gateway.pick(isOneGateway ? message.proxy : 0, body);
    if (this.#plan.without.has("in-flight")) {
      gateway.end(request, address, false);
      return this.#numberOf(address);
    }
    this.#flying.set(message.id, {
      ...{ gateway, request, address },
      inputTokens: message.input_tokens,
      hadFirstByte: false,
    });
    return this.#numberOf(address);
  }

  take(message: Message): void {
    if (message.type === "init" || message.type === "request") return;
    this.#passTo(this.#startMs + message.now_ms);
    if (message.type === "metrics") this.#read(message);
    else if (message.type === "first_token") this.#firstToken(message);
    else if (message.type === "failed") this.#failed(message);
    else if (message.type === "joined") this.#joined(message);
    else this.#complete(message);
  }

  #firstToken({ id }: FirstTokenMessage): void {
    const flying = this.#flying.get(id);
    if (!flying) return;
    flying.hadFirstByte = true;
    flying.gateway.firstByte(flying.request, flying.address);
  }

  #failed({ id }: FailedMessage): void {
    const flying = this.#flying.get(id);
    if (!flying) return;
    this.#flying.delete(id);
    const { gateway, request, address } = flying;
    const isCounted = !this.#plan.without.has("errors");
    gateway.refuse(request, address, isCounted ? SERVER_ERROR : BAD_REQUEST);
  }

  #joined({ endpoints }: JoinedMessage): void {
    for (const controlPlane of this.#controlPlanes) controlPlane.discover(endpoints, this.#nowMs);
  }

  #complete(message: CompleteMessage): void {
    const flying = this.#flying.get(message.id);
    if (!flying) return;
    this.#flying.delete(message.id);
    const { gateway, request, address, inputTokens, hadFirstByte } = flying;
    if (message.rejected) {
      gateway.refuse(request, address, BAD_REQUEST);
      return;
    }
    const times = this.#timesTold();
    gateway.end(request, address, hadFirstByte, {
      promptTokens: Math.round(inputTokens * times),
      cachedTokens: Math.round(message.cached_tokens * times),
      completionTokens: message.output_tokens,
    });
  }

  /** Nothing is learned where prompts seem to have as many tokens as was expected. */
  #timesTold(): number {
    const { without, bytesPerToken } = this.#plan;
    return without.has("bytes-per-token") ? bytesPerToken / USUAL_BYTES_PER_TOKEN : 1;
  }

  #read({ endpoints }: MetricsMessage): void {
    if (this.#nowMs - this.#readMs < this.#plan.probeMs) return;
    this.#readMs = this.#nowMs;
    const tellsAdapters = !this.#plan.without.has("adapters");
    const loads = endpoints.map(({ waiting, running, kv_usage: kvUse, adapters }) => ({
      ...{ waiting, running, kvUse },
      ...(adapters && tellsAdapters && { adapters: { ...adapters, active: adapters.running } }),
    }));
    for (const controlPlane of this.#controlPlanes) controlPlane.read(loads, this.#nowMs);
  }

  #numberOf(address: string): number {
    for (let number = 0; number < this.#init.endpoints; number++) {
      if (addressOf(number) === address) return number;
    }
    throw new Error(`${address} is no endpoint of the simulation`);
  }

  /** Time passes; the filters tick on the way. */
  #passTo(untilMs: number): void {
    for (let step = 0; this.#nowMs + STEP_MS < untilMs; step++) {
      this.#nowMs = Math.min(untilMs, this.#nowMs + (step < NEAR_STEPS ? STEP_MS : FAR_STEP_MS));
      for (const gateway of this.#gateways) gateway.moveTo(this.#nowMs);
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
    for (const gateway of this.#gateways) gateway.moveTo(this.#nowMs);
  }
}

/** The configuration that the plan names; undefined is the default profile. */
function configurationOf({ config, cost }: DrivenPlan): Configuration | undefined {
  if (config) return parseConfiguration(readFileSync(config, "utf8"), config);
  if (!cost) return undefined;
  const parameters = cost.replaceAll("=", ": ").replaceAll(",", ", ");
  return parseConfiguration(
    `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: token-cost-scorer
  parameters: {${parameters}}
`,
    "--cost",
  );
}
