// Model servers that have nothing but a metrics page, as one process: node bench/metrics-pages.ts
// COUNT. Prints their ports, in one line.

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { vllmPage } from "./idle/vllm-page.ts";

const page = Buffer.from(vllmPage());
const headers = { "content-type": "text/plain", "content-length": page.length };
const ports: number[] = [];
for (let server = 0; server < Number(process.argv[2]); server++) {
  const listening = createServer((_request, response) => {
    response.writeHead(200, headers).end(page);
  }).listen(0, "127.0.0.1");
  await once(listening, "listening");
  ports.push((listening.address() as AddressInfo).port);
}
console.log(ports.join(","));
// The one who started it holds its input open; whatever ends that one ends this.
process.stdin.on("end", () => process.exit(0)).resume();
