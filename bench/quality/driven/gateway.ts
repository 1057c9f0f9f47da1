// One gateway of simulated time: workers that run the shipped filter under the host emulator, and
// their link to a control plane, which may be late.

import { readFileSync } from "node:fs";
import { projectPath } from "../../../start/project.ts";
import { ask, beginResponse, destinationsOf } from "../../../test/support/asked.ts";
import { Gateway } from "../../../test/support/host-emulator/gateway.ts";
import type { GatewayRequest } from "../../../test/support/host-emulator/request.ts";
import type { Vm } from "../../../test/support/host-emulator/vm.ts";
import type { ControlPlane } from "./control-plane.ts";

const CLUSTER = "control-plane";
const BYTES_HELD_MAX = 64 * 1024 * 1024;
/** Longer than the filter's own tick: what a tick does is to be done before the next pick. */
const TICK_MS = 5;
/** Workers that start in the same moment would draw the same random numbers. */
const APART_MS = 0.25;
const FIRST_TOKEN = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n';

export interface GatewayPlan {
  filterPath: string;
  workers: number;
  controlPlane: ControlPlane;
  /** From a report's sending until it has reached the control plane. */
  reportDelayMs: number;
  startMs: number;
  isPromptTold: boolean;
}

export interface Usage {
  promptTokens: number;
  cachedTokens: number;
  completionTokens: number;
}

export class DrivenGateway {
  readonly #host = new Gateway({ clusters: [CLUSTER] });
  readonly #workers: Vm[];
  readonly #plan: GatewayPlan;
  readonly #onTheWay: { body: Uint8Array; atMs: number }[] = [];
  #tickedMs = 0;

  constructor(plan: GatewayPlan) {
    this.#plan = plan;
    this.#host.nowMs = plan.startMs;
    const module = new WebAssembly.Module(Uint8Array.from(readFileSync(plan.filterPath)));
    this.#workers = Array.from({ length: plan.workers }, () => this.#startWorker(module));
  }

  #startWorker(module: WebAssembly.Module): Vm {
    const configuration = { attachment: "pause", controlPlaneCluster: CLUSTER, token: "unused" };
    this.#host.nowMs += APART_MS;
    return this.#host.startVm({
      module,
      vmId: "hintway",
      pluginConfiguration: JSON.stringify(configuration),
      bytesHeldMax: BYTES_HELD_MAX,
      isRecording: false,
    });
  }

  /** Moves the clock and does what is due: ticks, messages, the link. */
  moveTo(nowMs: number): void {
    this.#host.nowMs = Math.max(this.#host.nowMs, nowMs);
    if (nowMs - this.#tickedMs < TICK_MS) return;
    this.#tickedMs = nowMs;
    for (const worker of this.#workers) worker.tick();
    this.#host.deliver();
    this.#serveLink();
  }

  #serveLink(): void {
    const { controlPlane, reportDelayMs } = this.#plan;
    const nowMs = this.#host.nowMs;
    for (const call of [...this.#host.calls]) {
      if (call.headers.get(":path") === "/v1/reports") {
        this.#onTheWay.push({ body: call.body, atMs: nowMs + reportDelayMs });
        this.#host.answer(call, { status: 200 });
      } else if (!this.#isHeld.has(call)) {
        this.#isHeld.add(call);
        controlPlane.poll(call.body, nowMs, (body) => {
          this.#host.answer(call, { status: 200, body });
          this.#host.deliver();
        });
      }
    }
    while (this.#onTheWay[0] && this.#onTheWay[0].atMs <= nowMs) {
      controlPlane.report(this.#onTheWay.shift()!.body, nowMs);
    }
    controlPlane.pump(nowMs);
  }

  readonly #isHeld = new WeakSet<object>();

  /** Sends a request to one of the workers; answers it and the address it was sent to. */
  pick(worker: number, body: Buffer): { request: GatewayRequest; address: string } {
    const request = ask(this.#workers[worker]!, { body });
    const [address] = destinationsOf(request);
    if (address === undefined) throw new Error("the filter named no endpoint");
    this.#host.deliver();
    return { request, address };
  }

  firstByte(request: GatewayRequest, address: string): void {
    beginResponse(request, { address, headers: { "content-type": "text/event-stream" } });
    request.responseBody(FIRST_TOKEN);
    this.#host.deliver();
  }

  /** The answer ends; it need not tell its usage. */
  end(request: GatewayRequest, address: string, hadFirstByte: boolean, usage?: Usage): void {
    if (!hadFirstByte) beginResponse(request, { address });
    const text = usage ? usageText(usage, this.#plan.isPromptTold) : "{}";
    request.responseBody(hadFirstByte ? `data: ${text}\n\ndata: [DONE]\n\n` : text, true);
    request.done();
    this.#host.deliver();
  }

  refuse(request: GatewayRequest, address: string, status: number): void {
    beginResponse(request, { address, status });
    request.responseBody("{}", true);
    request.done();
    this.#host.deliver();
  }
}

function usageText(usage: Usage, isCachedTold: boolean): string {
  const { promptTokens, cachedTokens, completionTokens } = usage;
  return JSON.stringify({
    choices: [],
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      ...(isCachedTold && { prompt_tokens_details: { cached_tokens: cachedTokens } }),
    },
  });
}

export function shippedFilter(): string {
  return projectPath("build", "filter.wasm");
}
