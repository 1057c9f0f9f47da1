import { LogLevel } from "./abi.ts";
import { bytesOf, type Chunk } from "./body.ts";
import type { HttpCallAnswer } from "./calls.ts";
import { UnexpectedHostCall, VmTrap } from "./errors.ts";
import type { Gateway } from "./gateway.ts";
import { checkExports, hostImports } from "./imports.ts";
import { Ledger } from "./ledger.ts";
import { Memory } from "./memory.ts";
import type { Properties, Property } from "./properties.ts";
import { GatewayRequest } from "./request.ts";

export interface VmOptions {
  readonly module: WebAssembly.Module;
  readonly vmId?: string;
  readonly vmConfiguration?: Chunk;
  readonly pluginConfiguration?: Chunk;
  /** `allow_on_headers_stop_iteration` of the plugin; true by default. */
  readonly allowsHeadersStopIteration?: boolean;
  /** `per_connection_buffer_limit_bytes` of the listener; Envoy's default is 1 MiB. */
  readonly bytesHeldMax?: number;
  /** What becomes of a host call that is not legal: it throws, or is answered as Envoy would. */
  readonly refusals?: "throw" | "answer";
  /** False spares the ledgers, for runs of many thousand requests. */
  readonly isRecording?: boolean;
  /** True overwrites what a host call handed over as soon as the next host call is over. */
  readonly spoilsHanded?: boolean;
  readonly logBytesMax?: number;
}

type Callback = (...operands: number[]) => number | undefined;

const LOGS_MAX = 10_000;
/** All that the host lets a module call while it starts, and from inside malloc. */
const ALWAYS_ALLOWED = new Set(["proxy_log", "clock_time_get", "fd_write"]);

/** One worker's VM: an instance of the filter with its root context. */
export class Vm {
  readonly gateway: Gateway;
  readonly vmId: string;
  readonly rootId = 1;
  readonly memory: Memory;
  readonly ledger = new Ledger();
  readonly logs: { readonly level: number; readonly message: string }[] = [];
  /** What the root sees too: `node.id`, `xds.…`, `plugin_name`. */
  readonly properties: Properties = new Map();
  readonly vmConfiguration: Uint8Array;
  readonly pluginConfiguration: Uint8Array;
  readonly allowsHeadersStopIteration: boolean;
  readonly bytesHeldMax: number;
  readonly logBytesMax: number;
  /** Why this VM is dead, if it is. */
  failure: Error | undefined;
  isStarted = false;
  isConfigured = false;
  /** True while `proxy_on_configure` runs, the only time its configuration can be read. */
  isConfiguring = false;
  /** True while an answer to an HTTP call, or its failure, is delivered. */
  isTakingAnswer = false;
  answer: HttpCallAnswer | undefined;
  callStatus = { code: 0, message: "" };
  tickPeriodMs = 0;
  nextTickAtMs = Number.POSITIVE_INFINITY;
  readonly #options: VmOptions;
  readonly #callbacks: Readonly<Record<string, Callback>>;
  readonly #requests = new Map<number, GatewayRequest>();
  readonly #later: (() => void)[] = [];
  #nextId = 2;
  #callback = "";
  #current: GatewayRequest | undefined;
  #effectiveId = 0;
  #isRestricted = true;
  #isIterationStopped = false;
  #isShuttingDown = false;
  #operands: readonly (string | number)[] = [];

  constructor(gateway: Gateway, options: VmOptions) {
    this.gateway = gateway;
    this.#options = options;
    this.vmId = options.vmId ?? "";
    this.vmConfiguration = bytesOf(options.vmConfiguration ?? "");
    this.pluginConfiguration = bytesOf(options.pluginConfiguration ?? "");
    this.allowsHeadersStopIteration = options.allowsHeadersStopIteration ?? true;
    this.bytesHeldMax = options.bytesHeldMax ?? 1024 * 1024;
    this.logBytesMax = options.logBytesMax ?? 16 * 1024;
    checkExports(options.module);
    const instance = new WebAssembly.Instance(options.module, hostImports(this, options.module));
    this.#callbacks = instance.exports as Record<string, Callback>;
    this.memory = new Memory(instance.exports["memory"] as WebAssembly.Memory, (bytes) =>
      this.#allocate(bytes),
    );
    this.#start();
  }

  /** The request that host calls are about, undefined for the root. */
  get request(): GatewayRequest | undefined {
    if (this.#effectiveId === 0 || !this.hasContext(this.#effectiveId)) {
      return this.#current;
    }
    return this.#requests.get(this.#effectiveId);
  }

  /** Requests that are not done. */
  get requestCount(): number {
    return this.#requests.size;
  }

  /** A client's request, which has not reached the filter yet. */
  startRequest(properties: Readonly<Record<string, Property>> = {}): GatewayRequest {
    const request = new GatewayRequest(this, this.#nextId++, properties);
    this.#requests.set(request.id, request);
    return request;
  }

  tick(): void {
    this.call("proxy_on_tick", undefined, 0, [this.rootId]);
  }

  queueReady(token: number): void {
    this.call("proxy_on_queue_ready", undefined, 0, [this.rootId, token]);
  }

  /** Delivers the answer to an HTTP call, or its failure, to the root context. */
  takeAnswer(token: number, answer: HttpCallAnswer | undefined): void {
    this.isTakingAnswer = true;
    this.answer = answer;
    this.callStatus = answer ? { code: 0, message: "" } : { code: 11, message: "reset" };
    const sizes = [answer?.headers.count, answer?.body.length, answer?.trailers?.count];
    this.later(() => {
      this.isTakingAnswer = false;
      this.answer = undefined;
      this.callStatus.message = "";
    });
    const operands = [this.rootId, token, ...sizes.map((size) => size ?? 0)];
    this.call("proxy_on_http_call_response", undefined, 0, operands);
  }

  /** The plugin is removed: the root is done, at once or when the filter says so. */
  shutDown(): void {
    this.#isShuttingDown = true;
    if (this.call("proxy_on_done", undefined, 0, [this.rootId]) !== 0) {
      this.finishShutdown();
    }
  }

  finishShutdown(): boolean {
    if (!this.#isShuttingDown) {
      return false;
    }
    this.#isShuttingDown = false;
    this.#afterCallback(() => {
      this.call("proxy_on_delete", undefined, 0, [this.rootId]);
      this.die(new Error("the VM was shut down"));
    });
    return true;
  }

  /** The VM is gone from one moment to the next, as after a trap; what it shared stays. */
  die(why: Error): void {
    this.failure ??= why;
    this.nextTickAtMs = Number.POSITIVE_INFINITY;
    this.gateway.forgetCallsOf(this);
  }

  /**
   * Calls into the filter, then does what its host calls have put off. Undefined if the filter
   * does not export the callback; `stopped` if a local response makes its status meaningless.
   */
  call(
    callback: string,
    request: GatewayRequest | undefined,
    stopped: number,
    operands: readonly number[],
  ): number | undefined {
    const exported = this.#callbacks[callback];
    let result: number | undefined;
    if (exported && !this.failure) {
      const before = [this.#callback, this.#current, this.#effectiveId] as const;
      this.#callback = callback;
      this.#current = request;
      this.#effectiveId = 0;
      try {
        result = exported(...operands);
      } catch (error) {
        throw this.#fail(error);
      } finally {
        [this.#callback, this.#current, this.#effectiveId] = before;
      }
    }
    if (this.#isIterationStopped) {
      this.#isIterationStopped = false;
      result = stopped;
    }
    this.#doLater();
    return result;
  }

  // What host calls ask of their VM.

  /** Wraps a host call so that it is recorded and refused where none is allowed. */
  watched(name: string, host: (...operands: number[]) => number): (...raw: number[]) => number {
    return (...raw) => {
      if (this.#isRestricted && !ALWAYS_ALLOWED.has(name)) {
        const where = this.#callback || "the start function";
        throw new UnexpectedHostCall(`${name} from malloc or the start function (${where})`);
      }
      this.#operands = [];
      const handed = this.#options.spoilsHanded ? this.memory.takeHanded() : undefined;
      const [callback, current] = [this.#callback, this.#current];
      const copiedBefore = this.memory.copiedBytes;
      let result: number;
      try {
        result = host(...raw);
      } catch (error) {
        if (error instanceof UnexpectedHostCall && !error.message.startsWith(name)) {
          error.message = `${name}(${this.#operands.join(", ")}) in ${callback}: ${error.message}`;
        }
        throw error;
      }
      if (handed) {
        this.memory.spoil(handed);
      }
      if (this.#options.isRecording !== false) {
        const ledger = current?.ledger ?? this.ledger;
        const copiedBytes = this.memory.copiedBytes - copiedBefore;
        ledger.add({ callback, call: name, operands: this.#operands, result, copiedBytes });
      }
      return result;
    };
  }

  /** The arguments of the host call that runs, in short. */
  note(...operands: readonly (string | number)[]): void {
    this.#operands = operands;
  }

  /** Refuses a host call that is not legal here; Envoy would answer with `result`. */
  refuse(result: number, why: string): number {
    if (this.#options.refusals === "answer") {
      return result;
    }
    throw new UnexpectedHostCall(why);
  }

  addLog(level: number, message: string): void {
    if (this.logs.length < LOGS_MAX || level >= LogLevel.Critical) {
      this.logs.push({ level, message });
    }
  }

  setTickPeriod(periodMs: number): void {
    this.tickPeriodMs = periodMs;
    this.nextTickAtMs = periodMs > 0 ? this.gateway.nowMs + periodMs : Number.POSITIVE_INFINITY;
  }

  hasContext(id: number): boolean {
    return id === 0 || id === this.rootId || this.#requests.has(id);
  }

  setEffectiveContext(id: number): void {
    this.#effectiveId = id;
  }

  stopIteration(): void {
    this.#isIterationStopped = true;
  }

  /** Puts off an action to the end of the callback that runs. */
  later(action: () => void): void {
    this.#later.push(action);
  }

  forget(request: GatewayRequest): void {
    this.#requests.delete(request.id);
  }

  #start(): void {
    const exports = this.#callbacks;
    this.call(exports["_initialize"] ? "_initialize" : "_start", undefined, 0, []);
    this.#isRestricted = false;
    this.isConfiguring = true;
    this.call("proxy_on_context_create", undefined, 0, [this.rootId, 0]);
    this.isConfiguring = false;
    const sizes = [this.vmConfiguration.length, this.pluginConfiguration.length];
    this.isStarted = this.call("proxy_on_vm_start", undefined, 0, [this.rootId, sizes[0]!]) !== 0;
    if (this.isStarted) {
      this.isConfiguring = true;
      const configured = this.call("proxy_on_configure", undefined, 0, [this.rootId, sizes[1]!]);
      this.isConfigured = configured !== 0;
      this.isConfiguring = false;
    }
  }

  #allocate(bytes: number): number {
    const { malloc, proxy_on_memory_allocate: allocate } = this.#callbacks;
    this.#isRestricted = true;
    const pointer = (malloc ?? allocate)!(bytes)!;
    this.#isRestricted = false;
    return pointer;
  }

  /** After a trap nothing in the VM can be trusted: it is dead, and says why. */
  #fail(error: unknown): Error {
    const isUnexpected = error instanceof UnexpectedHostCall || error instanceof VmTrap;
    const failure = isUnexpected ? error : new VmTrap(this.#callback, error);
    this.#later.length = 0;
    this.die(failure);
    return failure;
  }

  #afterCallback(action: () => void): void {
    if (this.#callback) {
      this.later(action);
    } else {
      action();
    }
  }

  #doLater(): void {
    for (let action = this.#later.shift(); action; action = this.#later.shift()) {
      action();
    }
  }
}
