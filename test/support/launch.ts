// A launch that nobody watches and nobody stops.

import type { Launch } from "../../start/launch.ts";

export const LAUNCH: Launch = { say: () => {}, signal: new AbortController().signal };
