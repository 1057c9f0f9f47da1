// Only who knows a token may poll, report or discover; all others get the same 401.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { tokenInvalid } from "../errors.ts";
import { failure } from "./failures.ts";
import type { Tokens } from "./tokens.ts";

/** Guards every path of a scope, also those that do not exist, before any body is read. */
export function guard(scope: FastifyInstance, tokens: Tokens): void {
  scope.addHook("onRequest", async (request: FastifyRequest, reply: FastifyReply) => {
    if (tokens.accepts(request.headers.authorization ?? "")) return;
    const { code, message } = tokenInvalid();
    await reply.code(401).send(failure(code, message));
  });
}
