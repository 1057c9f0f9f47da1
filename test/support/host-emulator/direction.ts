import { DataStatus, HeadersStatus, nameOf, TrailersStatus } from "./abi.ts";
import { Body } from "./body.ts";
import { UnexpectedHostCall } from "./errors.ts";
import { HeaderMap } from "./header-map.ts";
import { Sent } from "./sent.ts";

/** How a direction calls the filter: undefined when the filter does not export the callback. */
export interface DirectionHost {
  /** `request` or `response`: the callbacks are named so. */
  readonly name: "request" | "response";
  readonly allowsHeadersStopIteration: boolean;
  readonly bytesHeldMax: number;
  /** True once the request is answered or reset: nothing more flows in this direction. */
  isOver(): boolean;
  call(callback: string, stopped: number, ...operands: number[]): number | undefined;
  /** More bytes are held than the gateway's buffer takes. */
  overflow(): void;
}

/**
 * One direction of a request on its way through the filter, held and let go as Envoy's filter
 * manager does (source/common/http/filter_manager.cc, commonHandleAfter…Callback).
 */
export class Direction {
  readonly sent = new Sent();
  /** The whole map, also after the filter has let go of it: what access logs see. */
  headers: HeaderMap | undefined;
  trailers: HeaderMap | undefined;
  /** What the filter can see in this phase. */
  visibleHeaders: HeaderMap | undefined;
  visibleBody: Body | undefined;
  visibleTrailers: HeaderMap | undefined;
  /** The callback of this direction that is running. */
  running = "";
  readonly #host: DirectionHost;
  readonly #held = new Body();
  #isBuffering = false;
  #isEndSeen = false;
  #paused: "" | "headers or body" | "everything" = "";

  constructor(host: DirectionHost) {
    this.#host = host;
  }

  get isPaused(): boolean {
    return this.#paused !== "";
  }

  get bytesHeld(): number {
    return this.#held.length;
  }

  /** Gives the headers to the filter, and returns the status that Envoy acts on. */
  takeHeaders(headers: HeaderMap, endOfStream: boolean): number {
    this.headers = headers;
    this.visibleHeaders = headers;
    this.#isEndSeen = endOfStream;
    const stopAll = HeadersStatus.StopAllIterationAndWatermark;
    let status = this.#call("headers", stopAll, headers.count, endOfStream ? 1 : 0) ?? 0;
    this.#check(status, HeadersStatus, "headers");
    if (status === HeadersStatus.StopIteration && !this.#host.allowsHeadersStopIteration) {
      status = stopAll;
    }
    if (this.#host.isOver()) {
      return stopAll;
    }
    if (status === HeadersStatus.Continue || status === HeadersStatus.ContinueAndEndStream) {
      this.visibleHeaders = undefined;
      this.#release();
    } else {
      this.#paused = status === HeadersStatus.StopIteration ? "headers or body" : "everything";
    }
    return status;
  }

  /** Gives a part of the body to the filter, with all that it has asked to buffer. */
  takeBody(chunk: Uint8Array, endOfStream: boolean): number {
    this.#isEndSeen = endOfStream;
    if (this.#paused === "everything") {
      this.#hold(chunk);
      return DataStatus.StopIterationAndWatermark;
    }
    const wasBuffering = this.#isBuffering;
    if (wasBuffering) {
      this.#hold(chunk);
      if (this.#host.isOver()) {
        return DataStatus.StopIterationAndBuffer;
      }
    }
    const body = wasBuffering ? this.#held : new Body(chunk);
    this.visibleBody = body;
    const stopped = DataStatus.StopIterationNoBuffer;
    const status = this.#call("body", stopped, body.length, endOfStream ? 1 : 0) ?? 0;
    this.#check(status, DataStatus, "body");
    if (!this.#host.isOver()) {
      this.#act(status, body);
    }
    return status;
  }

  takeTrailers(trailers: HeaderMap): number {
    this.trailers = trailers;
    this.#isEndSeen = true;
    if (this.#paused === "everything") {
      return TrailersStatus.StopIteration;
    }
    this.visibleTrailers = trailers;
    const status = this.#call("trailers", TrailersStatus.StopIteration, trailers.count) ?? 0;
    this.#check(status, TrailersStatus, "trailers");
    if (status === TrailersStatus.Continue && !this.#host.isOver()) {
      this.visibleTrailers = undefined;
      this.#release();
    } else {
      this.#paused = "headers or body";
    }
    return status;
  }

  /** Trailers to change: Envoy adds some to a body that ends without. */
  trailersToChange(): HeaderMap | undefined {
    if (!this.visibleTrailers && this.visibleBody && this.#isEndSeen) {
      this.trailers = new HeaderMap();
      this.visibleTrailers = this.trailers;
    }
    return this.visibleTrailers;
  }

  /** Lets go of what is held, as `proxy_continue_stream` asks. */
  resume(): void {
    const paused = this.#paused;
    if (paused !== "everything") {
      this.#release();
      return;
    }
    // A filter that stopped everything has not seen the body: it goes through the filter now.
    this.#paused = "";
    this.sent.sendHeaders(this.headers!);
    const chunk = this.#held.take();
    if (chunk.length > 0 || (this.#isEndSeen && !this.trailers)) {
      this.takeBody(chunk, this.#isEndSeen && !this.trailers);
    }
    if (this.trailers) {
      this.takeTrailers(this.trailers);
    }
  }

  /** Sends something else to the other side, which the filter does not see. */
  replace(headers: HeaderMap, body: Uint8Array): void {
    this.hide();
    this.headers = headers;
    this.sent.sendHeaders(headers);
    this.sent.sendBody(body);
    this.sent.isComplete = true;
  }

  hide(): void {
    this.visibleHeaders = undefined;
    this.visibleBody = undefined;
    this.visibleTrailers = undefined;
  }

  #act(status: number, body: Body): void {
    this.#isBuffering = status === DataStatus.StopIterationAndBuffer;
    if (status === DataStatus.Continue) {
      this.#release(body === this.#held ? undefined : body.take());
      return;
    }
    this.#paused = "headers or body";
    if (body !== this.#held && status !== DataStatus.StopIterationNoBuffer) {
      this.#hold(body.view());
    }
    // Only what Envoy buffers for the filter stays readable between two callbacks.
    this.visibleBody = this.#isBuffering ? this.#held : undefined;
  }

  #hold(chunk: Uint8Array): void {
    this.#held.append(chunk);
    if (this.#held.length > this.#host.bytesHeldMax) {
      this.#host.overflow();
    }
  }

  /** Lets everything held go on, and after it a last chunk that was not held. */
  #release(last?: Uint8Array): void {
    this.#paused = "";
    this.#isBuffering = false;
    this.visibleBody = undefined;
    this.sent.sendHeaders(this.headers!);
    for (const chunk of [this.#held.take(), last]) {
      if (chunk && chunk.length > 0) {
        this.sent.sendBody(chunk);
      }
    }
    if (this.trailers && !this.visibleTrailers) {
      this.sent.trailers = this.trailers;
    }
    this.sent.isComplete = this.#isEndSeen;
  }

  #call(phase: string, stopped: number, ...operands: number[]): number | undefined {
    const callback = `proxy_on_${this.#host.name}_${phase}`;
    this.running = callback;
    try {
      return this.#host.call(callback, stopped, ...operands);
    } finally {
      this.running = "";
    }
  }

  #check(status: number, known: Readonly<Record<string, number>>, phase: string): void {
    if (nameOf(known, status) === `${status}`) {
      const callback = `proxy_on_${this.#host.name}_${phase}`;
      throw new UnexpectedHostCall(`${callback} returned ${status}, which is no status`);
    }
  }
}
