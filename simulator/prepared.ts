import { ApiError } from "./api/api-error.ts";
import type { Call } from "./api/dialect.ts";
import { type BlockKeys, blockKeys } from "./block-keys.ts";
import { isBelowThreshold, requireAvailable } from "./connectors/conditions.ts";
import type { Leg, LegRequest } from "./connectors/leg.ts";
import type { Serving } from "./generation.ts";
import type { Prompt } from "./tokens.ts";

/** A call whose prompts are read, and whose part in a disaggregated pair has begun. */
export interface PreparedCall {
  call: Call;
  adapter: string | undefined;
  prompts: { prompt: Prompt; blocks: BlockKeys }[];
  outputTokens: number;
  leg: Leg | undefined;
  /** Too little of the prompt is cached for the request to be computed here. */
  isRefused: boolean;
}

export type Received = Pick<LegRequest, "body" | "bytes" | "headers"> & { path: string };

/** Rejects with an ApiError when the model is unknown, a prompt too long, or a transfer's field wrong. */
export async function prepareCall(
  serving: Serving,
  call: Call,
  received: Received,
): Promise<PreparedCall> {
  const { models, blockTokens, transfers } = serving;
  const adapter = models.adapterOf(call.model);
  const outputTokens = call.outputTokens ?? serving.outputTokens;
  for (const prompt of call.prompts) checkLength(prompt, outputTokens, serving.contextTokensMax);
  const seed = JSON.stringify([adapter ?? "", call.cacheSalt]);
  const prompts = call.prompts.map((prompt) => ({
    prompt,
    blocks: blockKeys(prompt, seed, blockTokens),
  }));
  const request = legRequest(call, prompts, received);
  const cached = cachedTokens(serving, request);
  requireAvailable(request, cached, blockTokens);
  const prepared = { call, adapter, prompts, outputTokens };
  if (isBelowThreshold(request, cached)) return { ...prepared, leg: undefined, isRefused: true };
  const leg = await transfers.begin(request, received.path);
  return { ...prepared, outputTokens: leg?.outputTokens ?? outputTokens, leg, isRefused: false };
}

/** Of a call with several prompts the first: no connector hands over more. */
function legRequest(call: Call, prompts: PreparedCall["prompts"], received: Received): LegRequest {
  const { prompt, blocks } = prompts[0] as PreparedCall["prompts"][number];
  const { body, bytes, headers } = received;
  const { keys, fingerprint } = blocks;
  return { body, bytes, headers, call, promptTokens: prompt.tokenCount, fingerprint, keys };
}

function cachedTokens({ engine, blockTokens, transfers }: Serving, { keys }: LegRequest): number {
  const here = engine.scheduler.cache.match(keys, keys.length);
  return blockTokens * Math.max(here, transfers.storedBlocks(keys));
}

function checkLength(prompt: Prompt, outputTokens: number, contextTokensMax: number): void {
  const total = prompt.tokenCount + outputTokens;
  if (total <= contextTokensMax) return;
  throw new ApiError(
    400,
    `This model's maximum context length is ${contextTokensMax} tokens. However, you requested ` +
      `${outputTokens} output tokens and your prompt contains ${prompt.tokenCount} tokens, for a ` +
      `total of ${total}. Reduce the length of the prompt or of the output.`,
  );
}
