// Servers that tell no load, or only a queue: what the gateways know of their own requests decides.
import { type Engine, emptyReading, sum } from "./reading.ts";

const PENDING = "nv_inference_pending_request_count";

/** Triton with any other backend. Its executions are a total, not a load, so only the queue is read. */
export const triton: Engine = {
  name: "triton",
  metrics: [PENDING],
  matches: (families) => families.has(PENDING),
  read: (families) => ({ ...emptyReading("triton"), waiting: sum(families, PENDING) }),
};

/** Any server at all. */
export const generic: Engine = {
  name: "generic",
  metrics: [],
  matches: () => true,
  read: () => emptyReading("generic"),
};
