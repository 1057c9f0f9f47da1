// A file that a flag names, for all pools or for one: `FILE`, or `NAME=FILE`.
import { InvalidArgumentError } from "commander";

export interface NamedFile {
  /** Undefined: the file is for no pool in particular. */
  poolName: string | undefined;
  path: string;
}

/** What Envoy's clusters and headers take as it stands; a namespace may come before it. */
const POOL_NAME = /^[a-z0-9](?:[-a-z0-9._/]*[a-z0-9])?$/i;
const POOL_NAME_CHARACTERS_MAX = 128;

export function isPoolName(text: string): boolean {
  return text.length <= POOL_NAME_CHARACTERS_MAX && POOL_NAME.test(text);
}

/** Adds what one more use of a flag names. Throws InvalidArgumentError for a second of one name. */
export function addNamedFile(text: string, earlier: readonly NamedFile[]): NamedFile[] {
  const file = namedFile(text);
  if (earlier.some(({ poolName }) => poolName === file.poolName)) {
    const what = file.poolName === undefined ? "A file without NAME=" : file.poolName;
    throw new InvalidArgumentError(`${what} is given twice; leave one of them.`);
  }
  return [...earlier, file];
}

/** `./a=b.yaml` is a path: what stands before the sign is no name. */
function namedFile(text: string): NamedFile {
  const [name = "", ...rest] = text.split("=");
  if (rest.length === 0 || name.includes("/") || !isPoolName(name)) {
    return { poolName: undefined, path: text };
  }
  return { poolName: name, path: rest.join("=") };
}

/** What the file is called where refusals are told: `pool`, or `pool qwen`. */
export function fileLabel(flag: string, { poolName }: NamedFile): string {
  return poolName === undefined ? flag : `${flag} ${poolName}`;
}
