// TCP ports of this machine: whether one is free, and finding free ones.

import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { StartError } from "./start-error.ts";

/** Throws StartError when the port cannot be listened on; `flag` is how the user chooses it. */
export async function requireFreePort(host: string, port: number, flag: string): Promise<void> {
  try {
    await listenOnce(host, port);
  } catch (error) {
    const variable = `HINTWAY_${flag.slice(2).toUpperCase().replaceAll("-", "_")}`;
    const code = (error as NodeJS.ErrnoException).code;
    throw new StartError(
      code === "EADDRINUSE"
        ? `Port ${port} on ${host} (${flag}) is taken by another program.`
        : `Port ${port} on ${host} (${flag}) cannot be listened on (${code}).`,
      `Choose another with \`npm start -- ${flag} NUMBER\` or ${variable}, or stop that program.`,
      error,
    );
  }
}

/**
 * Below the range that the system takes from for outgoing connections: a port in that range may be
 * taken while the part it belongs to is being restarted.
 */
const FREE_PORT_MIN = 20_000;
const FREE_PORT_MAX = 32_000;
const TRIES_MAX = 200;

/** Ports of 127.0.0.1 that are free at this moment, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count && tries < count + TRIES_MAX; tries++) {
    const port = randomInt(FREE_PORT_MIN, FREE_PORT_MAX);
    const isFree = await listenOnce("127.0.0.1", port).then(
      () => true,
      () => false,
    );
    if (isFree) ports.add(port);
  }
  if (ports.size === count) return [...ports];
  throw new StartError(
    `Fewer than ${count} ports from ${FREE_PORT_MIN} to ${FREE_PORT_MAX} are free on 127.0.0.1.`,
    "Stop programs that listen there, or simulate fewer model servers.",
  );
}

async function listenOnce(host: string, port: number): Promise<void> {
  const server = createServer();
  server.listen(port, host);
  await once(server, "listening");
  await new Promise((resolve) => server.close(resolve));
}
