import { mkdir, mkdtemp, rename, rm, rmdir, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { watchFile } from "../../../control-plane/discovery/watched-file.ts";
import { HintwayError, poolFileInvalid } from "../../../control-plane/errors.ts";
import { until } from "../../support/until.ts";

let folder: string;
let path: string;
let watch: { stop(): void } | undefined;
let told: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hintway-watched-"));
  path = join(folder, "file");
  told = [];
});

afterEach(async () => {
  watch?.stop();
  watch = undefined;
  await rm(folder, { recursive: true });
});

/** Text in upper case is broken. */
function parse(text: string, source: string): string {
  if (text !== text.toLowerCase()) throw poolFileInvalid(source, "it shouts");
  return text;
}

async function start(): Promise<void> {
  watch = await watchFile(path, parse, {
    changed: (value) => told.push(value),
    refused: (error) => told.push(error.code),
  });
}

test("the first value is told before the watch is there", async () => {
  await writeFile(path, "one");
  await start();
  expect(told).toEqual(["one"]);
});

test.each([
  ["that is missing", async () => {}, "FILE_UNREADABLE"],
  ["that is a folder", () => mkdir(path), "FILE_UNREADABLE"],
  ["that is too large", () => writeFile(path, "a".repeat(1024 * 1024 + 1)), "FILE_UNREADABLE"],
  ["that is broken", () => writeFile(path, "ONE"), "POOL_FILE_INVALID"],
])("a file %s rejects", async (_, prepare, code) => {
  await prepare();
  const refusal = await start().then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refusal).toBeInstanceOf(HintwayError);
  expect(refusal).toMatchObject({ code });
});

test("an edit in place is told", async () => {
  await writeFile(path, "one");
  await start();
  await writeFile(path, "two");
  await until("the change", () => told.length === 2);
  expect(told).toEqual(["one", "two"]);
});

test("files renamed over it are told, one after the other", async () => {
  await writeFile(path, "one");
  await start();
  for (const [index, text] of ["two", "three", "four"].entries()) {
    await writeFile(`${path}.next`, text);
    await rename(`${path}.next`, path);
    await until("the change", () => told.length === index + 2);
  }
  expect(told).toEqual(["one", "two", "three", "four"]);
});

test("a ConfigMap's symlink swap is told", async () => {
  // Kubernetes mounts file → ..data/file, and replaces the link ..data → ..<time> by a rename.
  const lay = async (version: string) => {
    await mkdir(join(folder, version));
    await writeFile(join(folder, version, "file"), version);
    await symlink(version, join(folder, "..data_tmp"));
    await rename(join(folder, "..data_tmp"), join(folder, "..data"));
  };
  await lay("v1");
  await symlink("..data/file", path);
  await start();
  await lay("v2");
  await rm(join(folder, "v1"), { recursive: true });
  await until("the change", () => told.length === 2);
  await lay("v3");
  await until("the change", () => told.length === 3);
  expect(told).toEqual(["v1", "v2", "v3"]);
});

test("a broken file is refused, and told again once it is whole", async () => {
  await writeFile(path, "one");
  await start();
  await writeFile(path, "BROKEN");
  await until("the change", () => told.length === 2);
  await writeFile(path, "one");
  await until("the change", () => told.length === 3);
  expect(told).toEqual(["one", "POOL_FILE_INVALID", "one"]);
});

test("a folder in the file's place is refused, and the file told when it is back", async () => {
  await writeFile(path, "one");
  await start();
  await unlink(path);
  await mkdir(path);
  await until("the refusal", () => told.at(-1) === "FILE_UNREADABLE");
  await rmdir(path);
  await writeFile(path, "two");
  await until("the change", () => told.at(-1) === "two");
});

test("a deleted file is refused, and told again when it is back", async () => {
  await writeFile(path, "one");
  await start();
  await unlink(path);
  await until("the change", () => told.includes("FILE_UNREADABLE"));
  await writeFile(path, "one");
  await until("the change", () => told.at(-1) === "one");
});

test("after stop nothing is told", async () => {
  await writeFile(path, "one");
  await start();
  watch?.stop();
  await writeFile(path, "two");
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(told).toEqual(["one"]);
});
