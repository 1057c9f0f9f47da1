// Requests as tests send them through the filter, and what they read from what it did.
import type { Chunk } from "./host-emulator/body.ts";
import type { GatewayRequest } from "./host-emulator/request.ts";
import type { Vm } from "./host-emulator/vm.ts";

export const DESTINATION = "x-gateway-destination-endpoint";
export const HEADERS: Readonly<Record<string, string>> = {
  ":method": "POST",
  ":path": "/v1/chat/completions",
  ":authority": "gateway",
  "content-type": "application/json",
};

export interface Explanation {
  readonly stage: string;
  readonly pool: string;
  /** The candidates are endpoints that this gateway saw fail, as there are no others. */
  readonly lastResort?: true;
  readonly keys: number;
  readonly promptBytes: number;
  readonly candidates: readonly {
    readonly endpoint: string;
    readonly matchedKeys: number;
    readonly requests: number;
    readonly backlogBytes: number;
    readonly residentBytes: number;
    readonly waiting: number;
    readonly running: number;
    readonly costBytes?: number;
    readonly score: number;
    readonly scorers: Readonly<Record<string, number>>;
  }[];
  readonly leftOut: number;
}

export interface Asking {
  readonly headers?: Readonly<Record<string, string>>;
  readonly prompt?: string;
  readonly model?: string;
  readonly body?: Chunk;
}

export function chatBody(content: string, model = "llama"): string {
  return JSON.stringify({ model, messages: [{ role: "user", content }] });
}

/** Sends a whole request; it is picked after, or answered by the filter. */
export function ask(vm: Vm, asking: Asking = {}): GatewayRequest {
  const request = vm.startRequest();
  request.requestHeaders({ ...HEADERS, ...asking.headers });
  if (request.isOver) return request;
  request.requestBody(asking.body ?? chatBody(asking.prompt ?? "hello", asking.model), true);
  return request;
}

/** The endpoints that the destination names, in order. */
export function destinationsOf(request: GatewayRequest): string[] {
  const value = request.sentToEndpoint.headers?.get(DESTINATION);
  return value === undefined ? [] : value.split(",");
}

export interface Serving {
  readonly address?: string;
  /** Tries Envoy made; by default one for each endpoint up to the one that served. */
  readonly attempts?: number;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Response headers from an endpoint; the first one named, unless told otherwise. */
export function beginResponse(request: GatewayRequest, serving: Serving = {}): void {
  const named = destinationsOf(request);
  const address = serving.address ?? named[0] ?? "";
  const attempts = serving.attempts ?? Math.max(1, named.indexOf(address) + 1);
  request.setProperties({
    "upstream.address": address,
    "upstream.request_attempt_count": attempts,
    "response.code_details": "via_upstream",
  });
  request.responseHeaders({
    ":status": `${serving.status ?? 200}`,
    "content-type": "application/json",
    // As the routes ask Envoy to say.
    "x-envoy-attempt-count": `${attempts}`,
    ...serving.headers,
  });
}

/** A whole response and the end of the request. */
export function serve(request: GatewayRequest, serving: Serving = {}, body: Chunk = "{}"): void {
  beginResponse(request, serving);
  request.responseBody(body, true);
  request.done();
}

/** Asks why the pick falls as it does, and ends the request. */
export function explained(vm: Vm, asking: Asking = {}): Explanation {
  const request = ask(vm, {
    ...asking,
    headers: { ...asking.headers, "x-hintway-explain": "1" },
  });
  beginResponse(request);
  const explanation = request.sentToClient.headers?.get("x-hintway-explain");
  request.done();
  if (explanation === undefined) throw new Error("the response does not explain the pick");
  return JSON.parse(explanation) as Explanation;
}
