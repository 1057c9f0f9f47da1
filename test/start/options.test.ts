import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Environment, type Options, readOptions } from "../../start/options.ts";

function options(args: string[], environment: Environment = {}): Options {
  const read = readOptions(args, environment);
  if (typeof read === "string") throw new Error("help was returned");
  return read;
}

describe("the options of npm start", () => {
  it("are four simulated model servers on the documented ports when nothing is said", () => {
    expect(options([], { XDG_STATE_HOME: "/state" })).toEqual({
      host: "127.0.0.1",
      port: 8080,
      controlPort: 8081,
      adminPort: 9901,
      simulate: 4,
      prefill: 0,
      encode: 0,
      connector: "nixlv2",
      endpoints: [],
      pool: [],
      config: [],
      workers: 2,
      attachment: "pause",
      fallbacks: 2,
      stateDir: "/state/hintway/8080",
    });
  });

  it("route to the given endpoints instead of simulated ones", () => {
    const read = options(["--endpoints", "10.0.0.5:8000, [fd00::1]:8000"]);
    expect(read.endpoints).toEqual(["10.0.0.5:8000", "[fd00::1]:8000"]);
    expect(read.simulate).toBe(0);
  });

  it("are read from the environment, and a flag wins", () => {
    const environment = { HINTWAY_PORT: "9000", HINTWAY_CONTROL_PORT: "9001" };
    const read = options(["--port", "9100"], environment);
    expect(read).toMatchObject({ port: 9100, controlPort: 9001 });
  });

  it("are simulated prefill servers beside the default ones when only their number is said", () => {
    expect(options([], { HINTWAY_PREFILL: "2" })).toMatchObject({ simulate: 4, prefill: 2 });
    expect(options(["--simulate", "2", "--prefill", "1"])).toMatchObject({
      simulate: 2,
      prefill: 1,
    });
  });

  it("are simulated encoders, and servers of the connector that is named", () => {
    const read = options(["--encode", "2", "--prefill", "1", "--connector", "sglang"]);
    expect(read).toMatchObject({ simulate: 4, encode: 2, prefill: 1, connector: "sglang" });
    expect(options([], { HINTWAY_CONNECTOR: "mooncake" }).connector).toBe("mooncake");
  });

  it("name the file of settings by its full path", () => {
    const folder = mkdtempSync(join(tmpdir(), "hintway-test-"));
    writeFileSync(join(folder, "settings.yaml"), "");
    const read = options(["--settings", `${folder}/../${basename(folder)}/settings.yaml`]);
    expect(read.settings).toBe(join(folder, "settings.yaml"));
    expect(() => options(["--settings", join(folder, "none.yaml")])).toThrow(
      /--settings .*none.yaml cannot be read \(ENOENT\)/,
    );
  });

  it("name a pool file by its full path", () => {
    const file = join(mkdtempSync(join(tmpdir(), "hintway-test-")), "pool.yaml");
    writeFileSync(file, "");
    expect(options(["--pool", file])).toMatchObject({ pool: [file], simulate: 0 });
    const named = [`a=${file}`, `b=${file}`];
    const args = named.flatMap((text) => ["--pool", text]);
    expect(options(args, { HINTWAY_POOL: "/nowhere" })).toMatchObject({ pool: named });
    expect(options([], { HINTWAY_POOL: `a=${file}` })).toMatchObject({ pool: [`a=${file}`] });
  });

  it("list every setting in the help", () => {
    const help = readOptions(["--help"], {});
    for (const flag of ["endpoints", "pool", "config", "simulate", "workers", "admin-port"]) {
      expect(help).toContain(`--${flag}`);
    }
  });

  it.each([
    [
      ["9000"],
      { npm_config_port: "true" },
      /npm has kept --port for itself[\s\S]*npm start -- --port/,
    ],
    [[], { npm_config_control_port: "1" }, /npm has kept --control-port for itself/],
  ])("that npm has kept for itself are missed: %j, %j", (args, kept, message) => {
    expect(() => options(args, { npm_lifecycle_event: "start", ...kept })).toThrow(message);
  });

  it.each([
    [["--bogus"], /unknown option '--bogus'/],
    [["extra"], /too many arguments/],
    [["--port", "abc"], /'abc' is invalid.*1 to 65535/],
    [["--port", "70000"], /'70000' is invalid/],
    [["--workers", "0"], /'0' is invalid/],
    [["--attachment", "other"], /Allowed choices are pause, buffer/],
    [["--endpoints", "model.example:8000"], /"model.example:8000" is not ip:port/],
    [["--endpoints", "10.0.0.5:0"], /"10.0.0.5:0" is not ip:port/],
    [["--endpoints", "10.0.0.5:1", "--simulate", "2"], /--endpoints and --simulate do not go/],
    [["--endpoints", "10.0.0.5:1", "--prefill", "2"], /--prefill and --endpoints do not go/],
    [["--prefill", "1", "--attachment", "buffer"], /--prefill and --attachment buffer do not go/],
    [["--endpoints", "10.0.0.5:1", "--encode", "2"], /--encode and --endpoints do not go/],
    [["--encode", "1", "--attachment", "buffer"], /--encode and --attachment buffer do not go/],
    [["--connector", "none"], /Allowed choices are nixlv2, moriio, shared-storage, lmcache/],
    [["--prefill", "-1"], /'-1' is invalid/],
    [["--port", "8081"], /two are the same/],
    [["--pool", "a=/nowhere/pool.yaml"], /--pool \/nowhere\/pool.yaml cannot be read/],
    [["--config", "/nowhere/config.yaml"], /--config \/nowhere\/config.yaml cannot be read/],
  ])("refuse %j with a message that names it", (args, message) => {
    expect(() => options(args)).toThrow(message);
  });
});
