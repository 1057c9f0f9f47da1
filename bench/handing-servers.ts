// Model servers that disaggregate, as a process:
// node bench/handing-servers.ts serial|joined PREFILL_PORT DECODE_PORT PREFILL_MS DECODE_MS
// Serial: prefill hands over, decode refuses what was not handed over to it. Joined: both are asked with one
// number, and decode waits for prefill. Each takes so many milliseconds. Prints `listening`.

import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { metricsPage } from "./parts/instant-server.ts";

/** What vLLM's answer to a prompt of 1,000 tokens carries is as long as this. */
const PARAMETERS = JSON.stringify({
  do_remote_prefill: true,
  do_remote_decode: false,
  remote_block_ids: [Array.from({ length: 63 }, (_, at) => at + 1)],
  remote_engine_id: "5f3c1f0e-5f1b-4b8e-9d8e-6f0f5a1c2b3d",
  remote_request_id: "cmpl-5f3c1f0e-5f1b-4b8e-9d8e-6f0f5a1c2b3d",
  remote_host: "127.0.0.1",
  remote_port: 5600,
  tp_size: 1,
  remote_num_tokens: 1000,
});
const ANSWER =
  '{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":' +
  '{"role":"assistant","content":"ok"},"finish_reason":"length"}],"usage":{"prompt_tokens":1000,' +
  '"completion_tokens":1,"total_tokens":1001}';

const HANDED = `${ANSWER},"kv_transfer_params":${PARAMETERS}}`;
const PLAIN = `${ANSWER}}`;
const ROOM = '"bootstrap_room":';

interface Behaviour {
  /** Whether it is a leg; what is none gets a 400. */
  isLeg(body: string): boolean;
  answer: string;
  /** The answer comes then. */
  ready(body: string): Promise<void> | undefined;
}

const [, , flow, ...numbers] = process.argv;
const [prefillPort, decodePort, prefillMs = 0, decodeMs = 0] = numbers.map(Number);
const [prefill, decode] = flow === "joined" ? joinedServers() : serialServers();
await listen(prefillPort, prefill);
await listen(decodePort, decode);
console.log("listening");
// The one who started it holds its input open; whatever ends that one ends this.
process.stdin.on("end", () => process.exit(0)).resume();

function after(ms: number): Promise<void> | undefined {
  return ms > 0 ? sleep(ms) : undefined;
}

function serialServers(): [Behaviour, Behaviour] {
  return [
    {
      isLeg: (body) => body.includes('"do_remote_decode":true'),
      answer: HANDED,
      ready: () => after(prefillMs),
    },
    { isLeg: (body) => body.includes(PARAMETERS), answer: PLAIN, ready: () => after(decodeMs) },
  ];
}

/** Decode waits for the prefill of the same number, whichever is asked first. */
function joinedServers(): [Behaviour, Behaviour] {
  const rooms = new Map<string, PromiseWithResolvers<void>>();
  const numberOf = (body: string) => {
    const at = body.indexOf(ROOM);
    return at < 0 ? "" : /^\d*/.exec(body.slice(at + ROOM.length, at + ROOM.length + 20))![0];
  };
  const meet = (body: string) => {
    const room = numberOf(body);
    const meeting = rooms.get(room) ?? Promise.withResolvers<void>();
    // The second to come finds it, and nobody after.
    if (rooms.has(room)) rooms.delete(room);
    else rooms.set(room, meeting);
    return meeting;
  };
  const isLeg = (body: string) => numberOf(body) !== "";
  return [
    {
      ...{ isLeg, answer: PLAIN },
      async ready(body) {
        const meeting = meet(body);
        await after(prefillMs);
        meeting.resolve();
      },
    },
    {
      ...{ isLeg, answer: PLAIN },
      async ready(body) {
        await meet(body).promise;
        await after(decodeMs);
      },
    },
  ];
}

/** Answers GET with a metrics page. */
async function listen(port: number | undefined, behaviour: Behaviour): Promise<void> {
  const { isLeg, answer, ready } = behaviour;
  const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const respond = (status: number, text: string) => {
        response.writeHead(status, { "content-length": Buffer.byteLength(text) });
        response.end(text);
      };
      if (request.method !== "POST") return respond(200, metricsPage({}));
      const body = Buffer.concat(chunks).toString("latin1");
      if (!isLeg(body)) return respond(400, answer);
      const wait = ready(body);
      if (wait === undefined) respond(200, answer);
      else wait.then(() => respond(200, answer)).catch((error) => response.destroy(error));
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
}
