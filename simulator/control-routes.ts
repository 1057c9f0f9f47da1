import { ApiError } from "./api/api-error.ts";
import type { Json } from "./api/dialect.ts";
import { integerField } from "./api/fields.ts";
import { CLAIM_PATH } from "./connectors/peer.ts";
import { parseFault } from "./faults.ts";
import { parseJson } from "./inference.ts";
import type { ModelServer } from "./server.ts";

/** What /version answers; readers of versions expect the form of vLLM's. */
const VERSION = "0.0.0+hintway-simulator";

/** vLLM's operational routes, and /sim/… for tests. */
export function controlRoutes(server: ModelServer): void {
  healthRoutes(server);
  adapterRoutes(server);
  sleepRoutes(server);
  transferRoutes(server);
  simulatorRoutes(server);
}

function healthRoutes(server: ModelServer): void {
  const { app, models, metrics } = server;
  const assertStarted = () => {
    if (server.isStarting) throw new ApiError(503, "The model server is starting.");
  };
  app.get("/health", async () => {
    assertStarted();
    return "";
  });
  app.get("/v1/models", async () => {
    assertStarted();
    return models.list();
  });
  app.get("/version", async () => ({ version: VERSION }));
  app.get("/metrics", async (_request, reply) => {
    reply.type(metrics.registry.contentType);
    return metrics.registry.metrics();
  });
}

function adapterRoutes({ app, models }: ModelServer): void {
  app.post("/v1/load_lora_adapter", async (request) => {
    const body = parseJson(request.body);
    const name = textField(body, "lora_name");
    models.load(name, typeof body.lora_path === "string" ? body.lora_path : name);
    return `Success: LoRA adapter '${name}' added successfully.`;
  });
  app.post("/v1/unload_lora_adapter", async (request) => {
    const name = textField(parseJson(request.body), "lora_name");
    models.unload(name);
    return `Success: LoRA adapter '${name}' removed successfully.`;
  });
}

function sleepRoutes({ app, engine }: ModelServer): void {
  app.post("/sleep", async () => {
    engine.sleep();
    return "";
  });
  app.post("/wake_up", async () => {
    engine.wakeUp();
    return "";
  });
  app.get("/is_sleeping", async () => ({ is_sleeping: engine.isAsleep }));
}

/** What other servers ask of this one, and where Mooncake's routers look up engines. */
function transferRoutes({ app, transfers }: ModelServer): void {
  app.post(CLAIM_PATH, async (request) => transfers.claim(parseJson(request.body)));
  app.get("/query", async () => {
    const engines = transfers.engines();
    if (engines) return engines;
    throw new ApiError(404, "This server's connector has no bootstrap server.");
  });
}

function simulatorRoutes(server: ModelServer): void {
  server.app.get("/sim/state", async () => state(server));
  server.app.delete("/sim/faults", async () => {
    server.faults.clear();
    return state(server);
  });
  server.app.post("/sim/faults", async (request) => {
    const body = parseJson(request.body);
    const fault = parseFault(`${body.fault}${body.value === undefined ? "" : `:${body.value}`}`);
    const count = integerField(body, ["count"], 1);
    // A server that refuses cannot wait for a request: without a count it begins at once.
    if (fault.name === "refuse" && count === undefined) server.refuseFor(fault.value);
    else if (fault.name === "sleep" && count === undefined) server.sleepFor(fault.value);
    else server.faults.add(fault, count ?? 1, body.path === undefined ? undefined : `${body.path}`);
    return state(server);
  });
}

function state(server: ModelServer): object {
  const { running, waiting, cache, totals } = server.engine.scheduler;
  return {
    server: server.address,
    requests: server.traffic.byPath,
    last: server.traffic.last ?? null,
    inFlight: server.traffic.inFlight,
    running: running.length,
    waiting: waiting.length,
    blocks: {
      total: cache.blockCount,
      used: cache.usedBlocks,
      free: cache.freeCachedBlocks,
      evicted: cache.evictions,
    },
    totals,
    transfers: server.transfers.state(),
    isSleeping: server.engine.isAsleep,
    faults: server.faults.pending(),
  };
}

function textField(body: Json, name: string): string {
  const value = body[name];
  if (typeof value === "string" && value !== "") return value;
  throw new ApiError(400, `${name} must be a text that is not empty.`, name);
}
