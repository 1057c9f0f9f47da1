import { expect, test } from "vitest";
import { noopModule } from "../../bench/speed/noop-filter.ts";
import { filterModule } from "../support/filter-module.ts";

function exportsOf(module: WebAssembly.Module): string[] {
  return WebAssembly.Module.exports(module)
    .map(({ name }) => name)
    .sort();
}

test("the filter that does nothing is entered wherever the shipped one is", async () => {
  const noop = await WebAssembly.compile(await noopModule());
  expect(exportsOf(noop)).toEqual(exportsOf(filterModule()));
});
