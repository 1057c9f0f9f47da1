// The instant model server as a process: node bench/instant-server.ts IP:PORT,IP:PORT… [CACHE_BLOCKS]
// Prints `listening`.

import { InstantServer, metricsPage } from "./parts/instant-server.ts";

const [, , addresses = "", blocks] = process.argv;
const page = metricsPage(blocks === undefined ? {} : { cacheBlocks: Number(blocks) });
await InstantServer.start({ addresses: addresses.split(","), metrics: () => page });
console.log("listening");
// The one who started it holds its input open; whatever ends that one ends this.
process.stdin.on("end", () => process.exit(0)).resume();
