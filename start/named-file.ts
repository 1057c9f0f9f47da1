// A file that a flag names, for all pools or for one: `FILE`, or `NAME=FILE`. The control plane reads
// both; here only the path matters.

import { resolve } from "node:path";

/** Before the first sign there is a name where it is no path. */
const NAME = /^(?:([^/=]+)=)?(.+)$/s;

export function pathOf(text: string): string {
  return NAME.exec(text)?.[2] ?? text;
}

/** The same with the file's full path. */
export function withFullPath(text: string): string {
  const [, name, path = text] = NAME.exec(text) ?? [];
  return name === undefined ? resolve(path) : `${name}=${resolve(path)}`;
}
