import { LogLevel } from "./abi.ts";
import { bytesOf, type Chunk } from "./body.ts";
import type { HttpCall } from "./calls.ts";
import { type HeaderInit, HeaderMap } from "./header-map.ts";
import { Metrics } from "./metrics.ts";
import { SharedData, SharedQueues } from "./shared.ts";
import { Vm, type VmOptions } from "./vm.ts";

const START_MS = Date.UTC(2026, 0, 1);
const EVENTS_MAX = 1_000_000;

/** One Envoy process: what its workers share, and the time they live in. */
export class Gateway {
  readonly sharedData = new SharedData();
  readonly sharedQueues = new SharedQueues();
  readonly metrics = new Metrics();
  /** Clusters that an HTTP call can go to. */
  readonly clusters: Set<string>;
  /** HTTP calls in flight, oldest first. */
  readonly calls: HttpCall[] = [];
  readonly vms: Vm[] = [];
  /** Wall clock of the host, in milliseconds; it moves by `advance` alone. */
  nowMs = START_MS;
  logLevel: number = LogLevel.Info;
  readonly #posted: (() => void)[] = [];
  #random = 0x9e3779b9;

  constructor(options: { readonly clusters?: readonly string[] } = {}) {
    this.clusters = new Set(options.clusters ?? []);
  }

  get nowNs(): bigint {
    return BigInt(Math.round(this.nowMs * 1000)) * 1000n;
  }

  /** Starts a worker's VM: start, context, vm start, configure, as Envoy does. */
  startVm(options: VmOptions): Vm {
    const vm = new Vm(this, options);
    this.vms.push(vm);
    return vm;
  }

  /** The value of a gauge or counter by name; undefined if none is defined. */
  metric(name: string): number | undefined {
    return this.metrics.get(name)?.value;
  }

  /** Moves the clock; on the way come ticks, timeouts of calls, and messages of queues. */
  advance(byMs: number): void {
    const untilMs = this.nowMs + byMs;
    this.deliver();
    for (let events = 0; events < EVENTS_MAX; events++) {
      const next = this.#nextEvent();
      if (!next || next.atMs > untilMs) {
        this.nowMs = untilMs;
        return;
      }
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
      this.deliver();
    }
    throw new Error(
      `more than ${EVENTS_MAX} events in ${byMs} ms: does a tick set its own period?`,
    );
  }

  /** Delivers what workers have sent each other, without moving the clock. */
  deliver(): void {
    for (let count = 0; this.#posted.length > 0; count++) {
      if (count === EVENTS_MAX) {
        throw new Error(`more than ${EVENTS_MAX} messages: do workers answer each other for ever?`);
      }
      this.#posted.shift()!();
    }
  }

  /** Messages between workers that are not delivered yet. */
  get postedCount(): number {
    return this.#posted.length;
  }

  /** Runs an action when its worker is next idle. */
  post(action: () => void): void {
    this.#posted.push(action);
  }

  /** The calls in flight to a cluster. */
  callsTo(cluster: string): HttpCall[] {
    return this.calls.filter((call) => call.cluster === cluster);
  }

  /** Answers a call. What cannot be reached, and a timeout, are answers too: 503 and 504. */
  answer(
    call: HttpCall,
    answer: {
      readonly status: number;
      readonly headers?: HeaderInit;
      readonly body?: Chunk;
      readonly trailers?: HeaderInit;
    },
  ): void {
    this.#take(call);
    const headers = new HeaderMap([
      [":status", `${answer.status}`],
      ...new HeaderMap(answer.headers ?? []).pairs(),
    ]);
    const { trailers } = answer;
    call.vm.takeAnswer(call.token, {
      headers,
      body: bytesOf(answer.body ?? ""),
      ...(trailers && { trailers: new HeaderMap(trailers) }),
    });
  }

  /** Ends a call without an answer: its stream was reset, or the answer was over Envoy's limit. */
  fail(call: HttpCall): void {
    this.#take(call);
    call.vm.takeAnswer(call.token, undefined);
  }

  forgetCallsOf(vm: Vm): void {
    for (let at = this.calls.length - 1; at >= 0; at--) {
      if (this.calls[at]!.vm === vm) {
        this.calls.splice(at, 1);
      }
    }
  }

  /** Bytes that look random and are the same in every run. */
  random(bytes: number): Uint8Array {
    return Uint8Array.from({ length: bytes }, () => {
      this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
      return this.#random >>> 24;
    });
  }

  #nextEvent(): { readonly atMs: number; readonly run: () => void } | undefined {
    let atMs = Number.POSITIVE_INFINITY;
    let run: (() => void) | undefined;
    for (const vm of this.vms) {
      if (vm.nextTickAtMs < atMs) {
        atMs = vm.nextTickAtMs;
        run = () => this.#tick(vm);
      }
    }
    for (const call of this.calls) {
      const timeoutAtMs = call.startedAtMs + call.timeoutMs;
      if (call.timeoutMs > 0 && timeoutAtMs < atMs) {
        atMs = timeoutAtMs;
        run = () => this.answer(call, { status: 504, body: "upstream request timeout" });
      }
    }
    return run && { atMs, run };
  }

  #tick(vm: Vm): void {
    const dueAtMs = vm.nextTickAtMs;
    vm.tick();
    // The timer is set again after the tick, unless the tick itself has set it.
    if (vm.nextTickAtMs === dueAtMs) {
      vm.setTickPeriod(vm.tickPeriodMs);
    }
  }

  #take(call: HttpCall): void {
    const at = this.calls.indexOf(call);
    if (at < 0) {
      throw new Error(`call ${call.token} to ${call.cluster} is not in flight`);
    }
    this.calls.splice(at, 1);
  }
}
