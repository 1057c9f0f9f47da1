// Whole requests through the shipped filter.wasm under the host emulator: what a request asks of its
// host, and how its time grows with the endpoints of the pool.

import { ask, chatBody, serve } from "../../test/support/asked.ts";
import { FilteredGateway } from "../../test/support/filtered-gateway.ts";
import { tableOf } from "../../test/support/hints-written.ts";
import { median } from "../measure/quantiles.ts";

export interface RequestTime {
  endpoints: number;
  bodyBytes: number;
  prompts: "unique" | "repeated";
  /** From its headers to its end; the emulator's own work in JavaScript is in it. */
  requestUs: number;
}

const ANSWER = '{"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}';
/** Before the first that is timed, as a share of those. */
const WARM_SHARE = 0.3;

export function measureRequests(endpointCounts: number[], requests: number): RequestTime[] {
  return endpointCounts.flatMap((endpoints) =>
    [1024, 102_400].flatMap((bodyBytes) =>
      (["unique", "repeated"] as const).map((prompts) => ({
        ...{ endpoints, bodyBytes, prompts },
        requestUs: timeOf(endpoints, bodyBytes, prompts, requests),
      })),
    ),
  );
}

function timeOf(
  endpoints: number,
  bodyBytes: number,
  prompts: "unique" | "repeated",
  requests: number,
): number {
  const gateway = started(endpoints, false);
  const content = "the quick brown fox jumps over the lazy dog ".repeat(bodyBytes / 44);
  const samples: number[] = [];
  const warmRequests = Math.ceil(WARM_SHARE * requests);
  for (let number = 0; number < requests + warmRequests; number++) {
    const body = Buffer.from(chatBody(`${prompts === "unique" ? number : 0} ${content}`));
    const startMs = performance.now();
    serve(ask(gateway.worker, { body }), {}, ANSWER);
    if (number >= warmRequests) samples.push((performance.now() - startMs) * 1000);
    // The worker's tick empties what it has to tell.
    gateway.run(5);
  }
  return median(samples);
}

function started(endpoints: number, isRecording: boolean): FilteredGateway {
  const hints = tableOf(endpoints, { settings: { indexKeysMax: 1_000_000 } });
  return new FilteredGateway({ hints, vm: { isRecording } });
}

export interface CallCount {
  callback: string;
  call: string;
  count: number;
  /** Copied into the filter's memory or out of it, by all of them. */
  copiedBytes: number;
}

/** The host calls of one request, the first ones left out. */
export function hostCallsOf(bodyBytes: number): CallCount[] {
  const gateway = started(4, true);
  const send = () => {
    const request = ask(gateway.worker, { body: chatBody("x".repeat(bodyBytes)) });
    serve(request, {}, ANSWER);
    return request.ledger.entries;
  };
  send();
  const calls = Map.groupBy(send(), ({ callback, call }) => `${callback} ${call}`);
  return [...calls].map(([name, entries]) => {
    const [callback = "", call = ""] = name.split(" ");
    return {
      callback,
      call,
      count: entries.length,
      copiedBytes: sum(entries.map((entry) => entry.copiedBytes)),
    };
  });
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
