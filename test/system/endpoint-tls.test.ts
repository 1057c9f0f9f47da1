import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { replaceFile } from "../../control-plane/replace-file.ts";
import { ask, chat } from "../support/asking.ts";
import { Authority } from "../support/certificates.ts";
import { type ControlPlane, startSimulators, temporaryFolder } from "../support/components.ts";
import { PinnedConnection } from "../support/pinned-connection.ts";
import { type RoleGateway, startRoleGateway } from "../support/role-gateway.ts";
import { TlsFront } from "../support/tls-front.ts";
import { Traffic } from "../support/traffic.ts";
import { until } from "../support/until.ts";

const NAME = "qwen.inference.svc";
const HELLO = chat([{ role: "user", content: "hello" }]);

describe("endpoints that speak TLS, a prefill and two decode endpoints", () => {
  const [first, second] = [new Authority("first"), new Authority("second")];
  const [old, next] = [first.issue(NAME), second.issue(NAME)];
  const settings = join(temporaryFolder(), "settings.yaml");
  const stops: { stop(): unknown }[] = [];
  let fronts: TlsFront[];
  let gateway: RoleGateway;

  beforeAll(async () => {
    const simulators = [
      ...(await startSimulators(1, ["--role", "prefill", "--kv-connector", "nixlv2"])),
      ...(await startSimulators(2, ["--role", "decode", "--kv-connector", "nixlv2"])),
    ];
    stops.push(...simulators);
    fronts = await Promise.all(simulators.map(({ port }) => TlsFront.start(port, old)));
    stops.push(...fronts);
    writeFileSync(settings, settingsOf({ pool: { name: NAME, caCertificates: first.own.cert } }));
    const [prefill, ...decode] = fronts.map(({ port }) => port);
    const flags = ["--settings", settings, "--probe-period-ms", "100"];
    gateway = await startRoleGateway({ prefill: [prefill!], decode }, { workers: 2, flags });
    stops.push(gateway);
    await until("it serves", async () => (await ask(gateway.url, HELLO)).status === 200);
  });

  afterAll(async () => {
    for (const one of stops.reverse()) await one.stop();
  });

  it("are probed, prefilled and asked over it, by the name of the setting", async () => {
    const prefills = await statistic("wasmcustom.hintway.prefills");
    await until("prefill runs elsewhere", async () => {
      expect((await ask(gateway.url, HELLO)).status).toBe(200);
      return (await statistic("wasmcustom.hintway.prefills")) > prefills;
    });
    expect(await statistic("wasmcustom.hintway.prefills_failed")).toBe(0);
    expect(fronts.map(({ names }) => names)).toEqual([[NAME], [NAME], [NAME]]);
    expect((await poolStatus()).tls).toBe(NAME);
  });

  it("change their CA under load with no request failed", async () => {
    const loads = Array.from({ length: 3 }, () => new Traffic(new PinnedConnection(gateway.url)));
    const both = `${first.own.cert}${second.own.cert}`;
    await put({ pool: { name: NAME, caCertificates: both } });
    for (const front of fronts) front.show(next);
    await put({ pool: { name: NAME, caCertificates: second.own.cert } });
    const { endpoints } = await poolStatus();
    expect(endpoints.map(({ state }) => state)).toEqual(["up", "up", "up"]);
    for (const load of loads) expect(await load.end()).toEqual({ failed: 0, some: true });
    expect(fronts.map(({ refused }) => refused)).toEqual([0, 0, 0]);
    expect(await statistic("cluster.pool.ssl.fail_verify_error")).toBe(0);
  });

  it("are sent nothing where the CA is another's, and both sides count it", async () => {
    await put({ pool: { name: NAME, caCertificates: first.own.cert } }, "mode: off");
    // Those that are open were made with another.
    for (const front of fronts) front.drop();
    await until("probes fail", async () => {
      const { endpoints } = await poolStatus();
      return endpoints.every(({ lastFailure }) => lastFailure?.includes("found no TLS to trust"));
    });
    await until("Envoy refuses too", async () => {
      await ask(gateway.url, HELLO);
      return (await statistic("cluster.pool.ssl.fail_verify_error")) > 0;
    });
    expect((await ask(gateway.url, HELLO)).status).toBe(503);
    expect(fronts.every(({ refused }) => refused > 0)).toBe(true);
  });

  it("and by another name are not sent anything either", async () => {
    const another = { name: "another.inference.svc", caCertificates: second.own.cert };
    await put({ pool: another }, "mode: off");
    for (const front of fronts) front.drop();
    await until("Envoy refuses", async () => {
      await ask(gateway.url, HELLO);
      return (await statistic("cluster.pool.ssl.fail_verify_san")) > 0;
    });
    expect((await ask(gateway.url, HELLO)).status).toBe(503);
  });

  it("serve unverified where the setting says so, and the status page tells", async () => {
    await put({ pool: { insecureSkipVerify: true } });
    await until("it serves", async () => (await ask(gateway.url, HELLO)).status === 200);
    expect((await poolStatus()).tls).toBe("not verified");
  });

  /** Resolves when the control plane has taken the settings. */
  async function put(endpointTls: object, more = ""): Promise<void> {
    const taken = () =>
      gateway.controlPlane.lines().filter((line) => line.includes('"file":"settings"')).length;
    const before = taken();
    const had = await updates();
    await replaceFile(settings, settingsOf(endpointTls, more));
    await until("the settings are read", () => taken() > before);
    // Envoy asks for each once a second.
    await until("Envoy has them", async () => (await updates()) !== had);
    await until("they serve", async () => {
      return (await statistic("cluster_manager.warming_clusters")) === 0;
    });
  }

  /** Of clusters, and of what they trust; the latter go with what is not looked at any more. */
  async function updates(): Promise<number> {
    const found = await gateway.statistics("^(cluster_manager.cds|sds.pool).update_success$");
    return [...found.values()].reduce((sum, count) => sum + count, 0);
  }

  async function poolStatus(): Promise<PoolStatus> {
    const { pools } = await statusOf(gateway.controlPlane);
    return pools[0]!;
  }

  async function statistic(name: string): Promise<number> {
    return (await gateway.statistics(`^${name.replaceAll(".", "\\.")}$`)).get(name) ?? 0;
  }
});

interface PoolStatus {
  tls: string | null;
  endpoints: { state: string; lastFailure: string | null }[];
}

async function statusOf({ url }: ControlPlane): Promise<{ pools: PoolStatus[] }> {
  return (await fetch(`${url}/status?format=json`)).json();
}

/** JSON is YAML. */
function settingsOf(endpointTls: object, more = ""): string {
  return `endpointTls: ${JSON.stringify(endpointTls)}\n${more}\n`;
}
