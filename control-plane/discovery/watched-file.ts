// A file that takes effect when it changes. Its status is polled, because that alone sees every
// way a file changes: edits in place, renames over it, a ConfigMap's symlinks, network disks.
import { type Stats, unwatchFile, watchFile as watchStatus } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { TEXT_BYTES_MAX } from "../config/yaml-text.ts";
import { fileUnreadable, HintwayError } from "../errors.ts";
import type { LastGoodFiles } from "./last-good.ts";

const POLL_MS = 250;
/** Whoever writes the file may not be done when its status changes. */
const SETTLE_MS = 50;

export type Parser<T> = (text: string, source: string) => T;

export interface FileListener<T> {
  changed(value: T): void;
  /** The file cannot be read or parsed; what `changed` told last stays in force. */
  refused(error: HintwayError): void;
}

/** Throws what is wrong with the file. */
export async function readFileAs<T>(path: string, parse: Parser<T>): Promise<T> {
  return parse(await readText(path), path);
}

/**
 * Reads the file, tells `changed` its value, and resolves. Where that fails it tells the value which
 * the file had when it was last in force, and what is wrong with it now; without such, it rejects.
 * From then on every change is told to the listener, until `stop`.
 */
export async function watchFile<T>(
  path: string,
  parse: Parser<T>,
  listener: FileListener<T>,
  lastGood?: LastGoodFiles,
): Promise<{ stop(): void }> {
  let text: string | undefined;
  let stopped = false;

  const take = (taken: string) => {
    listener.changed(parse(taken, path));
    lastGood?.keep(path, taken);
  };
  const begin = async () => {
    text = await readText(path);
    take(text);
  };
  const beginWithLastGood = async (error: unknown) => {
    if (!(error instanceof HintwayError)) throw error;
    const kept = await lastGood?.read(path);
    if (kept === undefined) throw error;
    try {
      listener.changed(parse(kept, path));
    } catch {
      // Kept by another version, most likely: what is wrong with the file says more.
      throw error;
    }
    listener.refused(error);
  };
  const reread = async () => {
    await wait(SETTLE_MS, undefined, { ref: false });
    const previous = text;
    // Unreadable meanwhile counts as a change, so that the same text is told again afterwards.
    text = undefined;
    text = await readText(path);
    if (!stopped && text !== previous) take(text);
  };
  await begin().catch(beginWithLastGood);
  // One at a time, in order: a slow disk must not let an older text win.
  let last = Promise.resolve();
  const onStatus = () => {
    last = last.then(reread).catch((error: unknown) => {
      if (!(error instanceof HintwayError)) throw error;
      if (!stopped) listener.refused(error);
    });
  };
  const onPoll = (_current: Stats, _previous: Stats) => onStatus();
  watchStatus(path, { interval: POLL_MS, persistent: false }, onPoll);
  // The file may have changed between the first read and the first look at its status.
  onStatus();
  return {
    stop() {
      stopped = true;
      unwatchFile(path, onPoll);
    },
  };
}

async function readText(path: string): Promise<string> {
  try {
    const status = await stat(path);
    if (!status.isFile()) throw new Error("it is not a file");
    if (status.size > TEXT_BYTES_MAX) throw new Error(`it exceeds ${TEXT_BYTES_MAX} bytes`);
    return await readFile(path, "utf8");
  } catch (cause) {
    throw fileUnreadable(path, cause);
  }
}
