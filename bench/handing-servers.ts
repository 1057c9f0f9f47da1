// Model servers of flow A as a process:
// node bench/handing-servers.ts PREFILL_PORT DECODE_PORT PREFILL_MS DECODE_MS
// Prefill hands over, decode refuses what was not handed over to it; each answers after so many
// milliseconds, at once after 0. Prints `listening`.

import { once } from "node:events";
import { createServer } from "node:http";
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

const [, , prefillPort, decodePort, prefillMs = 0, decodeMs = 0] = process.argv.map(Number);
await listen(prefillPort, {
  wanted: '"do_remote_decode":true',
  answer: `${ANSWER},"kv_transfer_params":${PARAMETERS}}`,
  afterMs: prefillMs,
});
await listen(decodePort, { wanted: PARAMETERS, answer: `${ANSWER}}`, afterMs: decodeMs });
console.log("listening");
// The one who started it holds its input open; whatever ends that one ends this.
process.stdin.on("end", () => process.exit(0)).resume();

interface Behaviour {
  wanted: string;
  answer: string;
  afterMs: number;
}

/** Answers 200 to bodies that hold `wanted`, 400 to all others, and GET with a metrics page. */
async function listen(port: number | undefined, behaviour: Behaviour): Promise<void> {
  const { wanted, answer, afterMs } = behaviour;
  const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const isAsked = request.method === "POST";
      const isGood = !isAsked || Buffer.concat(chunks).includes(wanted);
      const text = isAsked ? answer : metricsPage({});
      const respond = () => {
        response.writeHead(isGood ? 200 : 400, { "content-length": Buffer.byteLength(text) });
        response.end(text);
      };
      if (isAsked && afterMs > 0) setTimeout(respond, afterMs);
      else respond();
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
}
