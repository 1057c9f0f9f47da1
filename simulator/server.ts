import { once } from "node:events";
import { createServer, type OutgoingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { ApiError, openaiError } from "./api/api-error.ts";
import { CHAT } from "./api/chat.ts";
import { COMPLETIONS } from "./api/completions.ts";
import type { Dialect } from "./api/dialect.ts";
import { EMBEDDINGS } from "./api/embeddings.ts";
import { SGLANG_GENERATE, VLLM_GENERATE } from "./api/generate.ts";
import { MESSAGES } from "./api/messages.ts";
import { RESPONSES } from "./api/responses.ts";
import { realClock } from "./clock.ts";
import { TransferContext, type TransferSettings } from "./connectors/context.ts";
import { Transfers } from "./connectors/transfers.ts";
import { controlRoutes } from "./control-routes.ts";
import { Engine } from "./engine.ts";
import { applyFault, type Fault, FaultPlan, parseFault } from "./faults.ts";
import type { Serving } from "./generation.ts";
import { answerCall, type Exchange, parseJson } from "./inference.ts";
import { KvCache } from "./kv-cache.ts";
import { Metrics } from "./metrics.ts";
import { Models } from "./models.ts";
import { BODY_BYTES_MAX, type Settings } from "./settings.ts";
import { PROFILES, type Profile } from "./timing.ts";
import { Traffic } from "./traffic.ts";

const DIALECTS: Record<string, Dialect> = {
  "/v1/chat/completions": CHAT,
  "/v1/completions": COMPLETIONS,
  "/v1/embeddings": EMBEDDINGS,
  "/v1/responses": RESPONSES,
  "/v1/messages": MESSAGES,
  "/inference/v1/generate": VLLM_GENERATE,
  "/generate": SGLANG_GENERATE,
};

declare module "fastify" {
  interface FastifyRequest {
    simulatedFault: Fault | undefined;
  }
}

/** One model server, not listening yet. `app.close()` ends it and every request under way. */
export class ModelServer {
  readonly app: FastifyInstance;
  readonly engine: Engine;
  readonly models: Models;
  readonly faults = new FaultPlan();
  readonly traffic = new Traffic();
  readonly metrics: Metrics;
  readonly transfers: Transfers;
  readonly #context: TransferContext;
  readonly #settings: Settings;
  readonly #serving: Serving;
  readonly #startedAtMs = performance.now();
  #port = 0;
  #reopening: NodeJS.Timeout | undefined;
  #bootstrap: Server | undefined;

  /** Throws a RangeError when a setting cannot be met. */
  constructor(settings: Settings) {
    this.#settings = settings;
    const { serving, context } = built(settings);
    this.#serving = serving;
    this.#context = context;
    ({ engine: this.engine, models: this.models, metrics: this.metrics } = serving);
    this.transfers = serving.transfers;
    for (const adapter of settings.adapters) {
      const [name = "", path = name] = adapter.split("=");
      this.models.load(name, path);
    }
    this.app = Fastify({ bodyLimit: BODY_BYTES_MAX, forceCloseConnections: true });
    this.#parseBodies();
    this.#observeRequests();
    for (const [path, dialect] of Object.entries(DIALECTS)) {
      this.app.post(path, (request, reply) => this.#answer(path, dialect, request, reply));
    }
    controlRoutes(this);
    this.app.addHook("onClose", async () => {
      clearTimeout(this.#reopening);
      this.#bootstrap?.close();
      this.#bootstrap?.closeAllConnections();
    });
  }

  get isStarting(): boolean {
    return performance.now() - this.#startedAtMs < this.#settings.startupMs;
  }

  get address(): string {
    return `${this.#settings.host}:${this.#port}`;
  }

  /** Resolves to the port it listens on; rejects when it is taken. */
  async listen(): Promise<number> {
    const { host, port, kvHost, bootstrapPort } = this.#settings;
    await this.app.listen({ host, port });
    this.#port = (this.app.server.address() as AddressInfo).port;
    const reached = kvHost ?? (isWildcard(host) ? "127.0.0.1" : host);
    this.#context.address = { host: reached, port: this.#port };
    this.#context.bootstrap = { host: reached, port: bootstrapPort ?? this.#port };
    if (bootstrapPort !== undefined) await this.#listenForBootstrap(host, bootstrapPort);
    return this.#port;
  }

  /** The same server at a second port, where engines have their bootstrap server. */
  async #listenForBootstrap(host: string, port: number): Promise<void> {
    const second = createServer(this.app.routing);
    second.listen(port, host);
    await once(second, "listening");
    this.#bootstrap = second;
  }

  /** Refuses connections for some real time; requests under way go on. */
  refuseFor(ms: number): void {
    const { server } = this.app;
    if (!server.listening) return;
    server.close();
    this.#reopening = setTimeout(() => server.listen(this.#port, this.#settings.host), ms);
  }

  sleepFor(ms: number): void {
    this.engine.sleep();
    setTimeout(() => this.engine.wakeUp(), ms);
  }

  /** Bodies stay bytes: what is JSON is decided by whoever reads it. */
  #parseBodies(): void {
    this.app.removeAllContentTypeParsers();
    this.app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => {
      done(null, body);
    });
  }

  #observeRequests(): void {
    this.app.decorateRequest("simulatedFault", undefined);
    this.app.addHook("onRequest", async (request, reply) => {
      this.traffic.begin(request.raw, reply.raw);
      reply.headers(this.#headers(request));
    });
    this.app.addHook("preHandler", async (request, reply) => {
      const fault = this.#takeFault(request);
      request.simulatedFault = fault;
      if (fault === undefined) return undefined;
      const exchange = {
        hijack: () => reply.hijack(),
        reset: () => request.raw.socket.resetAndDestroy(),
      };
      return (await applyFault(fault, exchange, this)) ? reply : undefined;
    });
    this.app.setErrorHandler<Error & { statusCode?: number }>((error, request, reply) => {
      const known = asApiError(error);
      const dialect = DIALECTS[pathOf(request)];
      return reply.status(known.status).send((dialect?.error ?? openaiError)(known));
    });
    this.app.setNotFoundHandler((request, reply) => {
      reply
        .status(404)
        .send(openaiError(new ApiError(404, `No ${request.method} ${request.url}.`)));
    });
  }

  #takeFault(request: FastifyRequest): Fault | undefined {
    const path = pathOf(request);
    if (path.startsWith("/sim/")) return undefined;
    const asked = request.headers["x-sim-fault"];
    return asked ? parseFault(String(asked)) : this.faults.take(path, path in DIALECTS);
  }

  #headers(request: FastifyRequest): Record<string, string> {
    const id = request.headers["x-request-id"];
    return { "x-sim-server": this.address, ...(id ? { "x-request-id": String(id) } : {}) };
  }

  async #answer(path: string, dialect: Dialect, request: FastifyRequest, reply: FastifyReply) {
    if (this.isStarting) throw new ApiError(503, "The model server is starting.");
    const bytes = request.body as Buffer;
    const body = parseJson(bytes);
    const seen = this.traffic.see(request.raw, bytes, body);
    if (seen !== "") reply.header("x-sim-saw", seen);
    const exchange: Exchange = {
      response: reply.raw,
      headers: reply.getHeaders() as OutgoingHttpHeaders,
      fault: request.simulatedFault,
    };
    const received = { body, bytes, headers: request.headers, path };
    const isEarly = this.#settings.earlyResponseCreated;
    await answerCall(this.#serving, dialect, received, exchange, isEarly);
    reply.hijack();
  }
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function built(settings: Settings): { serving: Serving; context: TransferContext } {
  const profile = PROFILES[settings.profile];
  if (profile === undefined) {
    const known = Object.keys(PROFILES).join(", ");
    throw new RangeError(`profile: unknown '${settings.profile}'; use one of ${known}.`);
  }
  const { blockTokens, speed, sequencesMax, adaptersMax } = settings;
  const kvBlocks = settings.kvBlocks ?? Math.floor(profile.kvTokens / blockTokens);
  const contextTokensMax = settings.contextTokensMax ?? kvBlocks * blockTokens;
  if (contextTokensMax > kvBlocks * blockTokens) {
    throw new RangeError(
      `max-model-len: ${contextTokensMax} tokens do not fit in ${kvBlocks} KV blocks of ` +
        `${blockTokens} tokens; raise kv-blocks or lower max-model-len.`,
    );
  }
  const limits = { blockTokens, sequencesMax, adaptersMax };
  const clock = realClock(speed);
  const engine = new Engine(profile, clock, new KvCache(kvBlocks), limits);
  const models = new Models(settings.model, settings.servedNames, contextTokensMax);
  const modelName = models.baseName;
  const context = new TransferContext(transferSettings(settings, profile), clock);
  const transfers = new Transfers(settings.connector, context);
  const metrics = new Metrics(engine, transfers, { modelName, blockTokens, adaptersMax, speed });
  const { outputTokens, showCachedTokens } = settings;
  const shared = { engine, models, metrics, transfers, blockTokens, contextTokensMax };
  return { serving: { ...shared, outputTokens, showCachedTokens }, context };
}

function transferSettings(settings: Settings, profile: Profile): TransferSettings {
  const { role, blockTokens, tensorParallel, dataParallel, kvLeaseMs, kvStore } = settings;
  const { kvGigabytesPerSecond, kvLatencyMs } = settings;
  return {
    ...{ role, blockTokens, tensorParallel, dataParallel },
    bytesPerToken: profile.kvBytesPerToken,
    link: { gigabytesPerSecond: kvGigabytesPerSecond, latencyMs: kvLatencyMs },
    leaseMs: kvLeaseMs,
    store: kvStore,
  };
}

function pathOf(request: FastifyRequest): string {
  return request.url.split("?", 1)[0] as string;
}

function asApiError(error: Error & { statusCode?: number }): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(error.statusCode ?? 500, error.message);
}
