// Only who knows the token may poll, report or discover; all others get the same 401.
import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { tokenInvalid } from "../errors.ts";
import { failure } from "./failures.ts";

/** Guards every path of a scope, also those that do not exist, before any body is read. */
export function guard(scope: FastifyInstance, token: string): void {
  const expected = digest(`Bearer ${token}`);
  scope.addHook("onRequest", async (request: FastifyRequest, reply: FastifyReply) => {
    const given = digest(request.headers.authorization ?? "");
    // Digests are equally long, and comparing them takes equally long.
    if (timingSafeEqual(given, expected)) return;
    const { code, message } = tokenInvalid();
    await reply.code(401).send(failure(code, message));
  });
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
