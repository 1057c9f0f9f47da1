// Pool files together: each may name pools, and no two the same.
import { poolFileInvalid } from "../errors.ts";
import type { NamedFile } from "../named-file.ts";
import type { DiscoveredPool } from "./discovered.ts";
import { parsePoolFile } from "./file.ts";
import type { Parser } from "./watched-file.ts";

export class PoolFiles {
  readonly #standardName: string;
  readonly #byFile = new Map<NamedFile, DiscoveredPool[]>();

  /** `standardName` is for a pool that neither its file nor the flag names. */
  constructor(standardName: string) {
    this.#standardName = standardName;
  }

  /** Files read so far. */
  get count(): number {
    return this.#byFile.size;
  }

  /** Throws POOL_FILE_INVALID, also where another file names the pool. */
  parser(file: NamedFile): Parser<DiscoveredPool[]> {
    return (text, source) => {
      const pools = parsePoolFile(text, source, file.poolName ?? this.#standardName);
      for (const { name } of pools) {
        const other = this.#fileOf(name, file);
        if (other) throw poolFileInvalid(source, `pool "${name}" is in ${other.path} too`);
      }
      return pools;
    };
  }

  replace(file: NamedFile, pools: DiscoveredPool[]): void {
    this.#byFile.set(file, pools);
  }

  all(): DiscoveredPool[] {
    return [...this.#byFile.values()].flat();
  }

  #fileOf(name: string, besides: NamedFile): NamedFile | undefined {
    const found = [...this.#byFile].find(([file, pools]) => {
      return file !== besides && pools.some((pool) => pool.name === name);
    });
    return found?.[0];
  }
}
