// The filter itself, for gateways that fetch it: Istio's agent and Envoy Gateway cannot show a token.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { FastifyInstance } from "fastify";
import { fileUnreadable, flagInvalid } from "../errors.ts";

export interface FilterModule {
  bytes: Buffer;
  /** Hexadecimal. */
  sha256: string;
}

const WASM_MAGIC = Buffer.from([0x00, 0x61, 0x73, 0x6d]);

/** Throws FILE_UNREADABLE, or FLAG_INVALID for a file that is no WebAssembly module. */
export async function readFilter(path: string): Promise<FilterModule> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw fileUnreadable(path, cause);
  });
  if (!bytes.subarray(0, WASM_MAGIC.length).equals(WASM_MAGIC)) {
    throw flagInvalid("--filter", path, "it is no WebAssembly module; name build/filter.wasm");
  }
  return { bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** `GET /filter.wasm`, and its sum as `sha256sum` writes it at `GET /filter.wasm.sha256`. */
export function filterRoute(scope: FastifyInstance, { bytes, sha256 }: FilterModule): void {
  scope.get("/filter.wasm", async (request, reply) => {
    const tag = `"${sha256}"`;
    reply.header("etag", tag);
    if (request.headers["if-none-match"] === tag) return reply.code(304).send();
    return reply.type("application/wasm").send(bytes);
  });
  scope.get("/filter.wasm.sha256", async () => `${sha256}  filter.wasm\n`);
}
