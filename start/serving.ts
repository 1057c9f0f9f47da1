// Whether the whole gateway serves, and what its user may try.

import { writeExample } from "./example.ts";
import { firstAnswer } from "./first-answer.ts";
import type { Launch } from "./launch.ts";
import { unusableEndpoints } from "./model-servers.ts";
import type { Options } from "./options.ts";
import { LOOPBACK } from "./parts.ts";
import { StartError } from "./start-error.ts";

/** A gateway that serves; without an `example` no model server has answered it yet. */
export interface Serving {
  url: string;
  /** File of a request's body to try. */
  example?: string;
  /** Why there is none. */
  obstacles: string[];
}

/** Simulated model servers are there at once; without an answer something is wrong here. */
const SIMULATED_WAIT_MAX_MS = 30_000;
/**
 * Real ones may load their model for an hour, and the gateway follows them when they come: it is
 * only given time to find out which are there.
 */
const REAL_WAIT_MAX_MS = 10_000;
const LATER_WAIT_MS = 60_000;
/** Each try is a request that is refused, and counted. */
const LATER_POLL_MS = 1_000;

/**
 * Resolves when a model server has answered through the gateway, or when real ones had their time.
 * Throws StartError when simulated ones do not answer.
 */
export async function untilServing(options: Options, launch: Launch): Promise<Serving> {
  const url = gatewayUrl(options);
  const isSimulated = options.simulate > 0;
  const waitMaxMs = isSimulated ? SIMULATED_WAIT_MAX_MS : REAL_WAIT_MAX_MS;
  const obstacles = () => unusableEndpoints(`http://${LOOPBACK}:${options.controlPort}`);
  const answer = await firstAnswer(url, { launch, waitMaxMs, obstacles });
  if ("model" in answer) {
    const example = writeExample(options.stateDir, answer.model, options.encode > 0);
    return { url, example, obstacles: [] };
  }
  if (!isSimulated) return { url, ...answer };
  throw new StartError(
    `${url} is not served by a model server: ${answer.obstacles.join(" ")}`,
    "Look at the control plane's /status for what it knows of each endpoint.",
  );
}

/** Resolves to the example's file when a model server has answered, however long it takes. */
export async function untilAnswered(options: Options, signal: AbortSignal): Promise<string> {
  const wait = {
    launch: { say: () => {}, signal },
    waitMaxMs: LATER_WAIT_MS,
    pollMs: LATER_POLL_MS,
  };
  while (true) {
    const answer = await firstAnswer(gatewayUrl(options), wait);
    if ("model" in answer) return writeExample(options.stateDir, answer.model, false);
  }
}

function gatewayUrl({ host, port }: Options): string {
  // An address that stands for all of this machine's is no address to connect to.
  const reached = ["0.0.0.0", "::"].includes(host) ? LOOPBACK : host;
  return `http://${reached.includes(":") ? `[${reached}]` : reached}:${port}`;
}
