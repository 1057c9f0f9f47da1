// What gateways call: hints by long poll, reports by POST. Bodies are frames.
import type { FastifyInstance, FastifyReply } from "fastify";
import { REPLICA_HEADER } from "../../protocol/names.ts";
import type { Exchange, Outcome, Versions } from "../hints/exchange.ts";
import { GATEWAYS_MAX } from "../hints/gateways.ts";
import { refusalError } from "../hints/read-frame.ts";
import type { Series } from "../metrics/series.ts";
import { addressText } from "../pool/endpoint.ts";
import { failure } from "./failures.ts";

export function gatewayRoutes(scope: FastifyInstance, exchange: Exchange, series: Series): void {
  // The address by which it was reached is the one by which it is reached again.
  scope.addHook("onSend", async (request, reply) => {
    const { localAddress, localPort } = request.socket;
    if (localAddress === undefined || localPort === undefined) return;
    // A socket for both families writes an IPv4 address so; gateways know it as the other.
    const address = localAddress.replace(/^::ffff:(?=[\d.]+$)/, "");
    reply.header(REPLICA_HEADER, addressText({ address, port: localPort }));
  });
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => {
    done(null, body);
  });

  scope.post("/hints", async (request, reply) => {
    const startMs = performance.now();
    const outcome = await exchange.poll(viewOf(request.body), (callback) => {
      reply.raw.once("close", callback);
    });
    series.polled(outcome.kind, performance.now() - startMs);
    if (outcome.kind === "frame") series.pushed(outcome.frame.length);
    return answer(reply, outcome, series);
  });

  scope.post("/reports", async (request, reply) => {
    return answer(reply, exchange.report(viewOf(request.body)), series);
  });
}

function viewOf(body: unknown): DataView {
  if (!Buffer.isBuffer(body)) return new DataView(new ArrayBuffer(0));
  return new DataView(body.buffer, body.byteOffset, body.length);
}

function answer(reply: FastifyReply, outcome: Outcome, series: Series): FastifyReply {
  switch (outcome.kind) {
    case "frame":
      return reply.type(FRAME_TYPE).send(outcome.frame);
    case "nothing":
      return reply.code(204).send();
    case "generation":
      series.frameRefused("generation");
      return reply.code(409).type(FRAME_TYPE).send(outcome.frame);
    case "version":
      series.frameRefused("version");
      return reply.code(426).send(versionError(outcome));
    case "crowded":
      series.frameRefused("crowded");
      return reply.code(429).send(failure("GATEWAYS", TOO_MANY));
    case "refused": {
      series.frameRefused(outcome.refusal);
      const { code, message } = refusalError(outcome.refusal);
      return reply.code(400).send(failure(code, message));
    }
  }
}

const TOO_MANY = `More than ${GATEWAYS_MAX} gateways poll here. Give each an id that it keeps.`;

const FRAME_TYPE = "application/octet-stream";

function versionError({ theirs, ours }: { theirs: Versions; ours: Versions }): object {
  const message =
    `The gateway speaks protocol versions ${theirs.versionMin} to ${theirs.versionMax}, the ` +
    `control plane ${ours.versionMin} to ${ours.versionMax}. Run versions of both that are at ` +
    "most one release apart; the gateway routes by what it knows meanwhile.";
  return failure("PROTOCOL_VERSION", message);
}
