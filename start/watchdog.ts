// Ends what was started when the one who started it is killed and cannot do so itself.

import { type ChildProcess, spawn } from "node:child_process";

/**
 * Reads process ids until its input closes, which it does however the launcher ends; then ends
 * those that are left. A shell, because Envoy cannot watch a pipe and a second Node costs 50 MB.
 */
const SCRIPT = `
parts=
while read -r verb id; do
  case $verb in
    watch) parts="$parts $id" ;;
    forget)
      rest=
      for part in $parts; do [ "$part" = "$id" ] || rest="$rest $part"; done
      parts=$rest ;;
  esac
done
[ -z "$parts" ] && exit 0
kill -TERM $parts 2>/dev/null
sleep 2
kill -KILL $parts 2>/dev/null
`;

export class Watchdog {
  readonly #shell: ChildProcess;

  constructor() {
    // A session of its own: Ctrl-C in a terminal must not end it before the launcher is done.
    this.#shell = spawn("/bin/sh", ["-c", SCRIPT], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#shell.stdin?.on("error", () => {});
    this.#shell.unref();
  }

  watch(processId: number): void {
    this.#shell.stdin?.write(`watch ${processId}\n`);
  }

  forget(processId: number): void {
    this.#shell.stdin?.write(`forget ${processId}\n`);
  }

  /** Ends the watch; what is still watched is ended too. */
  async close(): Promise<void> {
    if (this.#shell.exitCode !== null) return;
    const exited = new Promise((resolve) => this.#shell.once("exit", resolve));
    // It does not keep this process alive, but its end is waited for here.
    this.#shell.ref();
    this.#shell.stdin?.end();
    await exited;
  }
}
