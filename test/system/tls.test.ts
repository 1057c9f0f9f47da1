import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { caSecret } from "../../envoy/secrets.ts";
import { ask, chat } from "../support/asking.ts";
import { Authority, type IssuedCertificate, replaceWith } from "../support/certificates.ts";
import {
  type Component,
  type ControlPlane,
  type Envoy,
  startControlPlane,
  startEnvoy,
  startSimulators,
  temporaryFolder,
} from "../support/components.ts";
import { PinnedConnection } from "../support/pinned-connection.ts";
import { Traffic } from "../support/traffic.ts";
import { until } from "../support/until.ts";

const NAME = "hintway-control-plane.inference.svc";
const HELLO = chat([{ role: "user", content: "hello" }]);

describe("a gateway and a control plane that serves HTTPS", () => {
  const [first, second] = [new Authority("first"), new Authority("second")];
  const folder = temporaryFolder();
  const [cert, key, ca] = [
    join(folder, "tls.crt"),
    join(folder, "tls.key"),
    join(folder, "ca.crt"),
  ];
  const running: Component[] = [];
  let controlPlane: ControlPlane;
  let envoy: Envoy;

  beforeAll(async () => {
    for (const authority of [first, second]) authority.trust();
    serve(first.issue(NAME));
    copyFileSync(first.own.certPath, ca);
    const simulators = await startSimulators(2);
    running.push(...simulators);
    controlPlane = await startControlPlane({
      endpoints: simulators.map(({ address }) => address),
      flags: ["--tls-cert", cert, "--tls-key", key],
      isSecure: true,
    });
    running.push(controlPlane);
    envoy = await startGateway(ca, NAME);
    await until("it explains", async () => (await ask(envoy.url, HELLO)).explanation);
  });

  afterAll(async () => {
    for (const component of running.reverse()) await component.stop();
  });

  function serve(issued: IssuedCertificate): void {
    replaceWith(cert, issued.certPath);
    replaceWith(key, issued.keyPath);
  }

  async function startGateway(caPath: string, name: string): Promise<Envoy> {
    const secretPath = join(temporaryFolder(), "ca.json");
    writeFileSync(secretPath, JSON.stringify(caSecret(caPath)));
    const controlPlaneTls = { ca: { secretPath }, name };
    const started = await startEnvoy({ controlPlane, controlPlaneTls });
    running.push(started);
    return started;
  }

  /** The serial number that who connects is shown. */
  function shown(): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port: controlPlane.port, servername: NAME });
      socket.once("error", reject).once("secureConnect", () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      });
    });
  }

  it("meet, and a certificate written anew is shown with no poll dropped and no request failed", async () => {
    const before = await shown();
    const polls = await counted(envoy, "polls_failed");
    const closed = await closedConnections();
    const traffic = new Traffic(new PinnedConnection(envoy.url));
    serve(first.issue(NAME));
    await until("another is shown", async () => (await shown()) !== before);
    await until("it goes on polling", async () => stageOf(await ask(envoy.url, HELLO)) === "fresh");
    expect(await traffic.end()).toEqual({ failed: 0, some: true });
    expect(await counted(envoy, "polls_failed")).toBe(polls);
    expect(await closedConnections()).toBe(closed);
  });

  it("go apart where the CA is another, countably on both sides, and meet when the CA's file is changed", async () => {
    const traffic = new Traffic(new PinnedConnection(envoy.url));
    const refused = await refusedByEnvoy(envoy);
    serve(second.issue(NAME));
    const before = await shown();
    await until("the second's is shown", async () => (await shown()) !== before);
    // Connections that are open stay so: only a new one is checked.
    await controlPlane.kill();
    await controlPlane.start();
    await until("Envoy refuses", async () => (await refusedByEnvoy(envoy)) > refused);
    await until("the control plane counts", async () => (await refusals()) > 0);
    await until("hints grow old", async () => stageOf(await ask(envoy.url, HELLO)) === "stale");
    replaceWith(ca, second.own.certPath);
    await until("they are fresh", async () => stageOf(await ask(envoy.url, HELLO)) === "fresh");
    expect(await traffic.end()).toEqual({ failed: 0, some: true });
  });

  it("do not meet where the name is another", async () => {
    const other = await startGateway(ca, "another.inference.svc");
    await until("it refuses", async () => (await statistic(other, `${SSL}.fail_verify_san`)) > 0);
    expect(await counted(other, "hints_accepted")).toBe(0);
  });

  async function refusals(): Promise<number> {
    const text = await (await fetch(`${controlPlane.url}/metrics`)).text();
    return Number(/^hintway_tls_refused_total (\d+)$/m.exec(text)?.[1]);
  }

  function closedConnections(): Promise<number> {
    return statistic(envoy, "cluster.hintway-control-plane.upstream_cx_destroy");
  }
});

const SSL = "cluster.hintway-control-plane.ssl";

function refusedByEnvoy(envoy: Envoy): Promise<number> {
  return statistic(envoy, `${SSL}.fail_verify_error`);
}

function counted(envoy: Envoy, name: string): Promise<number> {
  return statistic(envoy, `wasmcustom.hintway.${name}`);
}

async function statistic(envoy: Envoy, name: string): Promise<number> {
  return (await envoy.statistics(`^${name.replaceAll(".", "\\.")}$`)).get(name) ?? 0;
}

function stageOf({ explanation }: Awaited<ReturnType<typeof ask>>): string | undefined {
  return explanation?.stage;
}
