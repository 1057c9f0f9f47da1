// A file beside itself and renamed over, so that nobody reads half of one.

import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** For this user only; its folder is made where it is not there. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.partial`, text, { mode: 0o600 });
  await rename(`${path}.partial`, path);
}
