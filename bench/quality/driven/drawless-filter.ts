// A build of the filter that takes the first of equal endpoints instead of drawing one.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { projectPath } from "../../../start/project.ts";
import { fileHash } from "../../measure/machine.ts";
import { compiled } from "../../parts/compiled.ts";

const PICK = "filter/request/pick.ts";
const DRAWN = "if (!isTie || randomBelow(ties) === 0) best = i;";
const FIRST = "if (!isTie) best = i;";

/** Its path; made once for each build of the filter it stands beside. */
export async function drawlessFilter(shipped: string): Promise<string> {
  const path = projectPath(".cache", `drawless-${fileHash(shipped)}.wasm`);
  if (existsSync(path)) return path;
  const names = WebAssembly.Module.exports(await WebAssembly.compile(readFileSync(shipped)))
    .filter(({ kind }) => kind === "function")
    .map(({ name }) => name);
  const wasm = await compiled(`export { ${names.join(", ")} } from "./filter/index";`, drawless);
  mkdirSync(dirname(path), { recursive: true });
  const written = `${path}.${process.pid}`;
  writeFileSync(written, wasm);
  renameSync(written, path);
  return path;
}

function drawless(path: string, text: string): string {
  if (path !== PICK) return text;
  if (!text.includes(DRAWN)) throw new Error(`${PICK} does not draw as this bench expects`);
  return text.replace(DRAWN, FIRST);
}
