import { type ClientRequest, request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chat, prose } from "../support/asking.ts";
import { startWholeGateway, type WholeGateway } from "../support/components.ts";
import { until } from "../support/until.ts";

const REQUESTS = 3_000;
const LANES = 32;

let gateway: WholeGateway;

beforeAll(async () => {
  gateway = await startWholeGateway({
    workers: 2,
    simulators: 3,
    simulatorFlags: ["--speed", "100"],
    controlPlaneFlags: ["--probe-period-ms", "100"],
  });
});

afterAll(async () => {
  await gateway?.stop();
});

interface Ending {
  headers?: Record<string, string>;
  isStream?: boolean;
  /** The client goes away, at this moment. */
  leaves?: "while sending" | "before headers" | "after headers";
}

/** How requests end; those that make an endpoint count as failed are few, or none would be left. */
const ENDINGS: Record<string, Ending> = {
  whole: {},
  "whole stream": { isStream: true },
  "client leaves while it sends": { leaves: "while sending" },
  "client leaves before the headers": {
    leaves: "before headers",
    headers: { "x-sim-fault": "slow-start:200" },
  },
  "client leaves in the middle of a stream": { leaves: "after headers", isStream: true },
  "model server's own error": { headers: { "x-sim-fault": "status-500" } },
  "stream is reset at its start": {
    isStream: true,
    headers: { "x-sim-fault": "reset-after-headers:0" },
  },
  "stream is reset in its middle": {
    isStream: true,
    headers: { "x-sim-fault": "reset-after-headers:3" },
  },
  "client waits in vain": { leaves: "before headers", headers: { "x-sim-fault": "hang" } },
};
const RARE_ENDINGS: Record<string, Ending> = {
  "every try gets a 503": { headers: { "x-sim-fault": "status-503" } },
  "every try is reset": { headers: { "x-sim-fault": "reset-before-headers" } },
};
const RARE_EVERY = 150;

test("whatever way requests end, nothing is left in flight", async () => {
  const seen = new Map<string, number>();
  let next = 0;
  const lane = async () => {
    for (let at = next++; at < REQUESTS; at = next++) {
      const [name, ending] = endingOf(at);
      const outcome = `${name}: ${await end(gateway.url, ending, at)}`;
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  expect(seen.get("whole: 200 whole")).toBeGreaterThan(50);
  expect(seen.get("whole stream: 200 whole")).toBeGreaterThan(50);
  expect(seen.get("model server's own error: 500 whole")).toBeGreaterThan(50);
  expect(seen.get("stream is reset in its middle: 200 cut")).toBeGreaterThan(50);
  expect(seen.get("client waits in vain: no answer")).toBeGreaterThan(50);
  expect(seen.get("client leaves in the middle of a stream: 200 left")).toBeGreaterThan(50);

  const rest = await until("every gauge to be zero", async () => {
    const gauges = await gateway.envoy.statistics("wasmcustom.hintway.slot_");
    return [...gauges.values()].every((value) => value === 0) ? gauges : undefined;
  });
  expect(rest.size).toBeGreaterThan(0);
});

test("and all endpoints are picked again", async () => {
  const servers = new Set<string>();
  // Several at a time: one alone always goes to the endpoint that is held to be the quickest.
  await until("all endpoints to have been picked", async () => {
    const once = () => end(gateway.url, {}, Math.random(), (server) => servers.add(server));
    await Promise.all(Array.from({ length: LANES }, once));
    return servers.size === gateway.simulators.length;
  });
});

function endingOf(at: number): [string, Ending] {
  const endings = Object.entries(at % RARE_EVERY === 0 ? RARE_ENDINGS : ENDINGS);
  return endings[Math.floor(Math.random() * endings.length)] as [string, Ending];
}

/** Sends a request and says how it ended. */
function end(
  url: string,
  ending: Ending,
  seed: number,
  onServer: (server: string) => void = () => {},
): Promise<string> {
  const { body } = chat([{ role: "user", content: prose(seed, 2_000) }], 8, ending.isStream);
  const text = JSON.stringify(body);
  return new Promise((resolve) => {
    const outgoing: ClientRequest = request(new URL("/v1/chat/completions", url), {
      method: "POST",
      agent: false,
      headers: {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(text),
        ...ending.headers,
      },
    });
    outgoing.on("error", () => resolve("no answer"));
    outgoing.on("response", (incoming) => {
      onServer(String(incoming.headers["x-sim-server"]));
      incoming.on("error", () => {});
      incoming.on("close", () => {
        const how = ending.leaves ? "left" : incoming.complete ? "whole" : "cut";
        resolve(`${incoming.statusCode} ${how}`);
      });
      if (ending.leaves === "after headers") incoming.once("data", () => outgoing.destroy());
      else incoming.resume();
    });
    send(outgoing, text, ending);
  });
}

const LEAVES_AFTER_MAX_MS = 20;

function send(outgoing: ClientRequest, text: string, { leaves }: Ending): void {
  if (leaves === "while sending") outgoing.write(text.slice(0, text.length / 2));
  else outgoing.end(text);
  if (leaves === "while sending" || leaves === "before headers") {
    setTimeout(() => outgoing.destroy(), Math.random() * LEAVES_AFTER_MAX_MS);
  }
}
