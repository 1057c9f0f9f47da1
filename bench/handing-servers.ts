// Instant model servers of flow A as a process: node bench/handing-servers.ts PREFILL_PORT DECODE_PORT
// Prefill hands over, decode refuses what was not handed over to it. Prints `listening`.

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

const [, , prefillPort, decodePort] = process.argv.map(Number);
await listen(
  prefillPort,
  '"do_remote_decode":true',
  `${ANSWER},"kv_transfer_params":${PARAMETERS}}`,
);
await listen(decodePort, PARAMETERS, `${ANSWER}}`);
console.log("listening");
// The one who started it holds its input open; whatever ends that one ends this.
process.stdin.on("end", () => process.exit(0)).resume();

/** Answers 200 to bodies that hold `wanted`, 400 to all others, and GET with a metrics page. */
async function listen(port: number | undefined, wanted: string, answer: string): Promise<void> {
  const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const isAsked = request.method === "POST";
      const isGood = !isAsked || Buffer.concat(chunks).includes(wanted);
      const text = isAsked ? answer : metricsPage({});
      response.writeHead(isGood ? 200 : 400, { "content-length": Buffer.byteLength(text) });
      response.end(text);
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
}
