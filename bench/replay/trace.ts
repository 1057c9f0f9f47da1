// A piece of a trace, scaled: the same file is replayed here and played by the routing simulator.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectPath } from "../../start/project.ts";

export interface Scaled {
  trace: string;
  /** Requests from its beginning. */
  limit: number;
  /** Arrivals' times are divided by this. */
  rate: number;
  /** So are the times between two turns of a session. */
  pauses?: number;
}

export interface Turn {
  id: number;
  inputTokens: number;
  outputTokens: number;
  blocks: string[];
  /** When it is sent, in the trace's milliseconds; undefined where it follows another. */
  atMs: number | undefined;
  /** The session's next turn, so long after the answer's end. */
  next?: { turn: Turn; delayMs: number };
}

export interface Trace {
  /** For the simulator. */
  path: string;
  blockTokens: number;
  turns: Turn[];
}

interface Row {
  input_length: number;
  output_length: number;
  hash_ids: number[];
  timestamp?: number;
  session_id?: string | number;
  delay?: number;
}

const BYTES_MAX = 256 * 1024 * 1024;

export function scaledTrace({ trace, limit, rate, pauses = 1 }: Scaled, folder: string): Trace {
  const words = ["--trace", trace, "--limit", limit, "--rate", rate, "--pauses", pauses].map(
    String,
  );
  const room = projectPath("bench", "quality");
  const text = execFileSync("python3", [projectPath("bench/replay/scaled_trace.py"), ...words], {
    cwd: room,
    env: { ...process.env, PYTHONPATH: room, PYTHONDONTWRITEBYTECODE: "1" },
    encoding: "utf8",
    maxBuffer: BYTES_MAX,
  });
  const path = join(folder, `${trace}.jsonl`);
  writeFileSync(path, text);
  const [head = "", ...lines] = text.trim().split("\n");
  const { block_tokens: blockTokens } = JSON.parse(head) as { block_tokens: number };
  return { path, blockTokens, turns: turnsOf(lines.map((line) => JSON.parse(line) as Row)) };
}

function turnsOf(rows: readonly Row[]): Turn[] {
  const last = new Map<string | number, Turn>();
  return rows.map((row, id) => {
    const turn: Turn = {
      id,
      inputTokens: row.input_length,
      outputTokens: row.output_length,
      blocks: row.hash_ids.map((name) => name.toString(16).padStart(16, "0")),
      atMs: row.timestamp,
    };
    const { session_id: session, delay } = row;
    const before = session === undefined ? undefined : last.get(session);
    if (before && delay !== undefined) before.next = { turn, delayMs: delay };
    if (session !== undefined) last.set(session, turn);
    return turn;
  });
}
