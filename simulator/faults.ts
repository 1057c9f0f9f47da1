import { setTimeout as delay } from "node:timers/promises";
import { ApiError } from "./api/api-error.ts";

/**
 * Faults a test can ask for, and what their value means. Milliseconds are real ones.
 *
 *   refuse                closes the listening socket and resets this request; value: for how many ms
 *   hang                  accepts and never answers
 *   reset-before-headers  RST in place of an answer
 *   reset-after-headers   RST in the middle of the answer; value: after how many streamed tokens
 *   status-500, -503, -429  that status with an error body
 *   slow-start            waits before anything of the answer; value: how many ms
 *   sleep                 the whole server sleeps, its cache lost; value: for how many ms
 */
const DEFAULT_VALUES = {
  refuse: 1000,
  hang: 0,
  "reset-before-headers": 0,
  "reset-after-headers": 1,
  "status-500": 0,
  "status-503": 0,
  "status-429": 0,
  "slow-start": 1000,
  sleep: 1000,
};

export const FAULT_NAMES = Object.keys(DEFAULT_VALUES);

type FaultName = keyof typeof DEFAULT_VALUES;

export interface Fault {
  name: FaultName;
  value: number;
}

interface Planned {
  fault: Fault;
  count: number;
  /** Requests whose path begins so; undefined means every inference path. */
  path: string | undefined;
}

/** Reads `name` or `name:value`, as the header x-sim-fault has it. */
export function parseFault(text: string): Fault {
  const [name = "", value] = text.split(":");
  if (!(name in DEFAULT_VALUES)) {
    throw new ApiError(400, `Unknown fault '${name}'. Known: ${FAULT_NAMES.join(", ")}.`, "fault");
  }
  const number = value === undefined ? DEFAULT_VALUES[name as FaultName] : Number(value);
  if (!(number >= 0)) {
    throw new ApiError(400, `The value of fault '${name}' must be a number ≥ 0.`, "value");
  }
  return { name: name as FaultName, value: number };
}

/** The faults of the requests to come, in the order they were asked for. */
export class FaultPlan {
  #planned: Planned[] = [];

  add(fault: Fault, count: number, path: string | undefined): void {
    this.#planned.push({ fault, count, path });
  }

  clear(): void {
    this.#planned = [];
  }

  pending(): readonly Planned[] {
    return this.#planned;
  }

  /** Uses up one fault that applies to this request. */
  take(path: string, isInference: boolean): Fault | undefined {
    const position = this.#planned.findIndex((planned) =>
      planned.path === undefined ? isInference : path.startsWith(planned.path),
    );
    const planned = this.#planned[position];
    if (planned === undefined) return undefined;
    planned.count--;
    if (planned.count <= 0) this.#planned.splice(position, 1);
    return planned.fault;
  }
}

/** What a fault does to the server as a whole. */
export interface FaultTarget {
  sleepFor(ms: number): void;
  refuseFor(ms: number): void;
}

export interface FaultedExchange {
  /** Takes the connection away from whoever would answer. */
  hijack(): void;
  reset(): void;
}

/** Applies a fault before a request is answered; true when there will be no answer. */
export async function applyFault(
  fault: Fault,
  exchange: FaultedExchange,
  target: FaultTarget,
): Promise<boolean> {
  if (fault.name.startsWith("status-")) {
    throw new ApiError(Number(fault.name.slice("status-".length)), "A fault was asked for.");
  }
  if (fault.name === "slow-start") await delay(fault.value);
  if (fault.name === "sleep") target.sleepFor(fault.value);
  if (fault.name === "refuse") target.refuseFor(fault.value);
  const isReset = fault.name === "refuse" || fault.name === "reset-before-headers";
  if (!isReset && fault.name !== "hang") return false;
  exchange.hijack();
  if (isReset) exchange.reset();
  return true;
}
