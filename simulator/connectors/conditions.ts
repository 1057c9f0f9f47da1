import { ApiError } from "../api/api-error.ts";
import { wrongField } from "./fields.ts";
import type { LegRequest } from "./leg.ts";

/**
 * `Prefer: if-available` (RFC 7240): a server that would have to compute more than a request's last
 * block refuses with 412, so that the prompt is computed elsewhere first.
 */
export function requireAvailable(
  { headers, promptTokens }: LegRequest,
  cached: number,
  block: number,
) {
  const preferences = String(headers["prefer"] ?? "")
    .toLowerCase()
    .split(",");
  if (!preferences.some((preference) => preference.trim() === "if-available")) return;
  if (promptTokens - cached <= block) return;
  throw new ApiError(412, `${cached} of ${promptTokens} prompt tokens are cached.`, "prefer");
}

/** Whether less of the prompt is cached than `cache_hit_threshold`, from 0 to 1, asks for. */
export function isBelowThreshold({ body, promptTokens }: LegRequest, cached: number): boolean {
  const threshold = body.cache_hit_threshold;
  if (threshold === undefined || threshold === null) return false;
  if (typeof threshold === "number" && threshold >= 0 && threshold <= 1) {
    return cached / promptTokens < threshold;
  }
  throw wrongField("cache_hit_threshold", `must be a number from 0 to 1, got ${threshold}`);
}
