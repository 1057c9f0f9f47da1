import { BufferType, HeaderMapType, StreamType, WasmResult } from "./abi.ts";
import { type Body, bytesOf, type Chunk } from "./body.ts";
import { Direction } from "./direction.ts";
import { type HeaderInit, HeaderMap } from "./header-map.ts";
import type { HeaderMutation } from "./headers.ts";
import { Ledger } from "./ledger.ts";
import type { FilterState, Properties, Property } from "./properties.ts";
import type { Sent } from "./sent.ts";
import type { Vm } from "./vm.ts";

/** A response that did not come from an endpoint. */
export interface LocalResponse {
  /** The filter, by `proxy_send_local_response`; or the gateway itself (413, 500, 503). */
  readonly origin: "filter" | "gateway";
  readonly status: number;
  /** What `response.code_details` says. */
  readonly details: string;
  readonly headers: HeaderMap;
  readonly body: Uint8Array;
  /** -1: none. */
  readonly grpcStatus: number;
}

/** One HTTP request on a VM. The test plays the client and the endpoint, in the order it likes. */
export class GatewayRequest {
  readonly id: number;
  readonly ledger = new Ledger();
  readonly properties: Properties = new Map();
  readonly filterState = new Map<string, FilterState>();
  readonly headerMutations: HeaderMutation[] = [];
  /** Streams that the filter continued, in order. */
  readonly continued: ("request" | "response")[] = [];
  routeCacheClears = 0;
  localResponse: LocalResponse | undefined;
  wasReset = false;
  /** True while the access log phase runs. */
  isLogging = false;
  readonly #vm: Vm;
  readonly #request: Direction;
  readonly #response: Direction;
  #isCreated = false;
  #isDone = false;
  #isRespondingLater = false;
  /** True once a local response took the place of the endpoint's, past the filter. */
  #isReplaced = false;

  constructor(vm: Vm, id: number, properties: Readonly<Record<string, Property>>) {
    this.#vm = vm;
    this.id = id;
    this.setProperties(properties);
    this.#request = this.#direction("request", () => this.isOver);
    this.#response = this.#direction("response", () => this.wasReset || this.#isReplaced);
  }

  /** What has passed the filter towards the endpoint. */
  get sentToEndpoint(): Sent {
    return this.#request.sent;
  }

  /** What has passed the filter towards the client. */
  get sentToClient(): Sent {
    return this.#response.sent;
  }

  /** True once no more of the request can pass: it is answered locally or reset. */
  get isOver(): boolean {
    return this.wasReset || this.localResponse !== undefined;
  }

  /** True while the filter holds the request. */
  get isPaused(): boolean {
    return this.#request.isPaused;
  }

  /** Bytes of the request body that the gateway holds for the filter. */
  get requestBytesHeld(): number {
    return this.#request.bytesHeld;
  }

  setProperties(properties: Readonly<Record<string, Property>>): void {
    for (const [path, value] of Object.entries(properties)) {
      this.properties.set(path, value);
    }
  }

  property(path: string): Property | undefined {
    return this.properties.get(path);
  }

  /** Returns the status Envoy acts on (`HeadersStatus`). */
  requestHeaders(headers: HeaderInit, endOfStream = false): number {
    this.#expect(!this.#request.headers, "has had its headers");
    this.#create();
    return this.#request.takeHeaders(new HeaderMap(headers), endOfStream);
  }

  /** Returns the status of the filter (`DataStatus`). */
  requestBody(chunk: Chunk, endOfStream = false): number {
    this.#expect(this.#request.headers && !this.isOver, "takes no body");
    return this.#request.takeBody(bytesOf(chunk), endOfStream);
  }

  requestTrailers(trailers: HeaderInit): number {
    this.#expect(this.#request.headers && !this.isOver, "takes no trailers");
    return this.#request.takeTrailers(new HeaderMap(trailers));
  }

  responseHeaders(headers: HeaderInit, endOfStream = false): number {
    this.#expect(!this.isOver && !this.#response.headers, "takes no response headers");
    this.#expect(this.#request.sent.headers, "has not been sent to an endpoint");
    return this.#response.takeHeaders(new HeaderMap(headers), endOfStream);
  }

  responseBody(chunk: Chunk, endOfStream = false): number {
    this.#expect(this.#response.headers && !this.isOver, "takes no response body");
    return this.#response.takeBody(bytesOf(chunk), endOfStream);
  }

  responseTrailers(trailers: HeaderInit): number {
    this.#expect(this.#response.headers && !this.isOver, "takes no response trailers");
    return this.#response.takeTrailers(new HeaderMap(trailers));
  }

  /** The client went away, or the endpoint reset a started response: no callback tells of it. */
  reset(): void {
    this.wasReset = true;
  }

  /**
   * The gateway answers by itself, as when no endpoint is reachable: the response passes the
   * filter like any other, and the request does not go on.
   */
  respondLocally(response: { status: number; details?: string; body?: Chunk }): void {
    this.#expect(!this.isOver, "is over");
    this.#respond({
      origin: "gateway",
      status: response.status,
      details: response.details ?? "",
      headers: new HeaderMap(),
      body: bytesOf(response.body ?? ""),
      grpcStatus: -1,
    });
  }

  /** Ends the request in Envoy's order: access log, then done, then delete. */
  done(): void {
    this.#expect(!this.#isDone, "is done already");
    this.#isDone = true;
    // A request that never reached the filter gets its context for the log alone.
    this.#create();
    try {
      this.isLogging = true;
      this.#vm.call("proxy_on_log", this, 0, [this.id]);
      this.isLogging = false;
      this.#vm.call("proxy_on_done", this, 0, [this.id]);
      this.#vm.call("proxy_on_delete", this, 0, [this.id]);
    } finally {
      this.isLogging = false;
      this.#vm.forget(this);
    }
  }

  // What host calls ask of a request.

  headerMap(type: number): HeaderMap | undefined {
    switch (type) {
      case HeaderMapType.RequestHeaders:
        return this.isLogging ? this.#request.headers : this.#request.visibleHeaders;
      case HeaderMapType.RequestTrailers:
        return this.isLogging ? undefined : this.#request.visibleTrailers;
      case HeaderMapType.ResponseHeaders:
        return this.isLogging ? this.#response.headers : this.#response.visibleHeaders;
      case HeaderMapType.ResponseTrailers:
        return this.isLogging ? this.#response.trailers : this.#response.visibleTrailers;
      default:
        return undefined;
    }
  }

  /** The map to change, if a change would still have an effect. */
  headerMapToChange(type: number): HeaderMap | undefined {
    if (type === HeaderMapType.RequestTrailers || type === HeaderMapType.ResponseTrailers) {
      const isRequest = type === HeaderMapType.RequestTrailers;
      return (isRequest ? this.#request : this.#response).trailersToChange();
    }
    const direction = type === HeaderMapType.RequestHeaders ? this.#request : this.#response;
    return direction.sent.headers ? undefined : this.headerMap(type);
  }

  body(type: number): Body | undefined {
    const direction = type === BufferType.HttpRequestBody ? this.#request : this.#response;
    return this.isLogging ? undefined : direction.visibleBody;
  }

  noteMutation(mutation: HeaderMutation, type: number): void {
    this.headerMutations.push(mutation);
    if (type === HeaderMapType.RequestHeaders) {
      // With ABI 0.2.1 every change of the request's headers makes Envoy match the route again.
      this.routeCacheClears++;
    }
  }

  continueLater(type: number): number {
    const isRequest = type === StreamType.Request;
    const direction = isRequest ? this.#request : this.#response;
    if (this.isOver || this.#isDone || !direction.isPaused || direction.running) {
      const name = isRequest ? "request" : "response";
      return this.#vm.refuse(WasmResult.Ok, `the ${name} is not paused, or is being handled`);
    }
    this.continued.push(isRequest ? "request" : "response");
    this.#request.hide();
    this.#vm.later(() => direction.resume());
    return WasmResult.Ok;
  }

  respondLater(response: LocalResponse): void {
    if (this.isOver || this.#isDone || this.isLogging || this.#isRespondingLater) {
      this.#vm.refuse(WasmResult.Ok, "the request is over, or answered already");
      return;
    }
    this.#isRespondingLater = true;
    this.#vm.stopIteration();
    this.#vm.later(() => this.#respond(response));
  }

  #respond(response: LocalResponse): void {
    if (this.#response.sent.headers) {
      // Response headers are out: all that Envoy can do is to reset.
      this.wasReset = true;
      return;
    }
    this.localResponse = response;
    const { body } = response;
    const headers = new HeaderMap([[":status", `${response.status}`], ...response.headers.pairs()]);
    if (body.length > 0) {
      headers.replace("content-length", `${body.length}`);
      headers.replace("content-type", headers.get("content-type") ?? "text/plain");
    }
    if (this.#response.headers) {
      this.#isReplaced = true;
      this.#response.replace(headers, body);
      return;
    }
    this.#response.takeHeaders(headers, body.length === 0);
    if (body.length > 0 && !this.wasReset) {
      this.#response.takeBody(body, true);
    }
  }

  #direction(name: "request" | "response", isOver: () => boolean): Direction {
    const vm = this.#vm;
    return new Direction({
      name,
      isOver,
      allowsHeadersStopIteration: vm.allowsHeadersStopIteration,
      bytesHeldMax: vm.bytesHeldMax,
      call: (callback, stopped, ...operands) => this.#call(callback, stopped, operands),
      overflow: () => {
        const status = name === "request" ? 413 : 500;
        this.respondLocally({ status, details: `${name}_payload_too_large` });
      },
    });
  }

  #call(callback: string, stopped: number, operands: number[]): number | undefined {
    if (this.#vm.failure) {
      return this.#fail() ? stopped : 0;
    }
    try {
      return this.#vm.call(callback, this, stopped, [this.id, ...operands]);
    } catch (error) {
      this.#fail();
      throw error;
    }
  }

  /** A VM that has failed answers every request that reaches it (failure policy FAIL_CLOSED). */
  #fail(): boolean {
    if (!this.#vm.failure || this.isOver || this.#isDone) {
      return false;
    }
    this.respondLocally({ status: 503, details: "wasm_fail_stream" });
    return true;
  }

  #create(): void {
    if (!this.#isCreated) {
      this.#isCreated = true;
      this.#vm.call("proxy_on_context_create", this, 0, [this.id, this.#vm.rootId]);
    }
  }

  #expect(holds: unknown, what: string): void {
    if (!holds || (this.#isDone && what !== "is done already")) {
      throw new Error(`request ${this.id} ${this.#isDone ? "is done" : what}`);
    }
  }
}
