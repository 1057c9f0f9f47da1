// The instant model server as a process: node bench/instant-server.ts PORT,PORT… Prints `listening`.

import { InstantServer } from "./parts/instant-server.ts";

const ports = (process.argv[2] ?? "").split(",").map(Number);
await InstantServer.start({ ports });
console.log("listening");
// The one who started it holds its input open; whatever ends that one ends this.
process.stdin.on("end", () => process.exit(0)).resume();
