// Where the project's files are, whatever folder it is started from.

import { dirname, join } from "node:path";

const ROOT = dirname(import.meta.dirname);

export function projectPath(...names: string[]): string {
  return join(ROOT, ...names);
}
