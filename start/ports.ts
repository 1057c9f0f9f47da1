// TCP ports of this machine: whether one is free, and finding free ones.

import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { type PortHolder, portHolder } from "./port-holder.ts";
import { StartError } from "./start-error.ts";

/** A port that is to be listened on, and the option by which the user chooses it. */
export interface WantedPort {
  host: string;
  port: number;
  /** Such as `--control-port`. */
  flag: string;
}

/** Throws one StartError that names every port that cannot be listened on, and by whom it is held. */
export async function requireFreePorts(wanted: WantedPort[]): Promise<void> {
  const refused: Refused[] = [];
  for (const port of wanted) {
    await listenOnce(port.host, port.port).catch((error: NodeJS.ErrnoException) =>
      refused.push({ port, code: error.code }),
    );
  }
  if (refused.length === 0) return;
  const holders = refused.map(({ port }) => portHolder(port.port));
  const problems = refused.map(({ port, code }, at) => portProblem(port, code, holders[at]));
  throw new StartError(problems.join("\n  "), portRemedy(refused, holders));
}

type Holder = PortHolder | undefined;

interface Refused {
  port: WantedPort;
  code: string | undefined;
}

function portProblem({ host, port, flag }: WantedPort, code: string | undefined, holder: Holder) {
  const name = `Port ${port} on ${host} (${flag}, ${variableOf(flag)})`;
  if (code !== "EADDRINUSE") return `${name} cannot be listened on (${code}).`;
  if (!holder) return `${name} is taken by another program.`;
  const { isHintway, processId, command } = holder;
  const who = isHintway ? "another Hintway" : `\`${command}\``;
  return `${name} is taken by ${who}, process ${processId}.`;
}

function portRemedy(refused: Refused[], holders: Holder[]): string {
  if (refused.every(({ code }) => code === "EADDRNOTAVAIL")) {
    return "That address is not this machine's: choose one that is with `npm start -- --host IP`.";
  }
  const flags = refused.map(({ port }) => `${port.flag} NUMBER`).join(" ");
  const hintway = holders.find((holder) => holder?.isHintway);
  const stop = hintway ? `stop that Hintway with \`kill ${hintway.processId}\`` : "free it";
  return `Choose another with \`npm start -- ${flags}\`, or ${stop}.`;
}

/** The environment variable that says the same as the flag. */
function variableOf(flag: string): string {
  return `HINTWAY_${flag.slice(2).toUpperCase().replaceAll("-", "_")}`;
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
