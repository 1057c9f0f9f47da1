// What a caller is told when a route does not exist, or fails before or inside its handler: always
// JSON of one shape, naming what to do.
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

/** Sets both handlers for a scope and all scopes in it. `paths` says what there is. */
export function nameFailures(scope: FastifyInstance, paths: string): void {
  scope.setNotFoundHandler(async (request: FastifyRequest, reply: FastifyReply) => {
    const asked = `${request.method} ${request.url.split("?", 1)[0]}`;
    await reply.code(404).send(failure("NOT_FOUND", `There is no ${asked}. ${paths}`));
  });
  scope.setErrorHandler(async (error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) request.log.error(error);
    await reply.code(status).send(failure(codeOf(status), messageOf(status, error, request)));
  });
}

/** A URL that is none never gets to a scope. */
export function refuseUrl(
  error: FastifyError,
  _request: FastifyRequest,
  reply: FastifyReply,
): void {
  reply.code(error.statusCode ?? 400).send(failure("URL_INVALID", error.message));
}

export function failure(code: string, message: string): object {
  return { error: { code, message } };
}

const CODES = new Map([
  [400, "BODY_INVALID"],
  [413, "BODY_TOO_LARGE"],
  [415, "CONTENT_TYPE"],
]);

function codeOf(status: number): string {
  return CODES.get(status) ?? (status < 500 ? "REQUEST_INVALID" : "INTERNAL");
}

function messageOf(status: number, error: FastifyError, request: FastifyRequest): string {
  if (status === 413) {
    const limit = request.routeOptions.bodyLimit;
    return `The body exceeds the limit of ${limit} bytes. Send less at once.`;
  }
  // What failed here is told to the log; a caller could do nothing with it.
  return status < 500 ? error.message : "The control plane failed. Its log says why.";
}
