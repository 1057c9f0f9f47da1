// Which streamed answers are read for their token counts. OpenAI's two older APIs tell them only where
// the request asks for them (`stream_options.include_usage`), and to read a chunk costs more than all
// else that is done about it. Some servers are set to tell them unasked: a sample shows.
import { API_CHAT, API_COMPLETIONS } from "./prompt-api.ts";

/** Of so many streams of which no counts are expected, one is read. */
const SAMPLE: u32 = 16;

let passedCount: u32 = SAMPLE;
/** The sample read last told counts. */
let areTold: bool = false;

/** Whether streamed answers of this API tell token counts without being asked to. */
export function tellsUnasked(api: u32): bool {
  return api !== API_CHAT && api !== API_COMPLETIONS;
}

/** Whether to read a stream of which no counts are expected. */
export function isOfSample(): bool {
  if (areTold) return true;
  passedCount++;
  if (passedCount < SAMPLE) return false;
  passedCount = 0;
  return true;
}

/** A stream of the sample has come to its end. */
export function noteSample(hasCounts: bool): void {
  areTold = hasCounts;
}
