// Only who knows a token may poll, report or discover; all others get the same 401.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { tokenInvalid } from "../errors.ts";
import type { AccessSeries } from "../metrics/access-series.ts";
import { failure } from "./failures.ts";
import type { Tokens } from "./tokens.ts";

/** Guards every path of a scope, also those that do not exist, before any body is read. */
export function guard(scope: FastifyInstance, tokens: Tokens, series: AccessSeries): void {
  scope.addHook("onRequest", async (request: FastifyRequest, reply: FastifyReply) => {
    const place = tokens.placeOf(request.headers.authorization ?? "");
    if (place > 0) {
      series.tokenUsed(place);
      return;
    }
    series.tokenRefused();
    const { code, message } = tokenInvalid();
    await reply.code(401).send(failure(code, message));
  });
}
