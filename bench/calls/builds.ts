// Builds of the shipped filter that leave one of its exported callbacks out: Envoy calls only those
// that are there.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../test/support/components.ts";
import { filterModule } from "../../test/support/filter-module.ts";
import { compiled } from "../parts/compiled.ts";

/** The path of the filter as a file. */
export async function shippedWithout(callback: string): Promise<string> {
  const names = WebAssembly.Module.exports(filterModule())
    .filter(({ name, kind }) => kind === "function" && name !== callback)
    .map(({ name }) => name);
  const path = join(temporaryFolder(), `without-${callback}.wasm`);
  writeFileSync(path, await compiled(`export { ${names.join(", ")} } from "./filter/index";`));
  return path;
}
