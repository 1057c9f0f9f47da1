import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { EnvoyMessage } from "../../envoy/bootstrap.ts";
import { Authority } from "../support/certificates.ts";
import {
  type ControlPlane,
  freePort,
  startEnvoy,
  startSimulators,
  temporaryFolder,
} from "../support/components.ts";
import { missing } from "../support/gateways/assets.ts";
import { type KubernetesObject, template } from "../support/gateways/helm.ts";
import { filterPath, objectOf, POOL, startPlane } from "../support/gateways/plane.ts";
import { explained } from "../support/gateways/translated.ts";
import { describeOnCluster } from "../support/kubernetes/suite.ts";
import { until } from "../support/until.ts";

const WORKERS = 2;

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const component of running.splice(0).reverse()) await component.stop();
});

/** The chart's Envoy, with this machine's addresses, ports and paths in place of the Pod's. */
async function placed(
  text: string,
  own: EnvoyMessage,
  controlPlane: ControlPlane,
  secrets: string,
  probes: number,
) {
  const places: [string, string][] = [
    ["/etc/envoy", secrets],
    ["/etc/hintway/filter/filter.wasm", await filterPath()],
    ["hw-control-plane.inference.svc", "127.0.0.1"],
    ["port_value: 8081", `port_value: ${controlPlane.port}`],
    ["port_value: 8080", `port_value: ${portsIn(own)[0]}`],
    ["port_value: 9901", `port_value: ${portsIn(own)[1]}`],
    ["port_value: 9902", `port_value: ${probes}`],
  ];
  return parse(places.reduce((result, [from, to]) => result.replaceAll(from, to), text));
}

/** What the chart mounts: its own files, and those of its Secrets, which they name. Answers the folder. */
function mounted(files: Record<string, string>, token: string, ca: string): string {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    const own = text.replace("/etc/hintway/token", folder);
    writeFileSync(join(folder, name), own.replace("/etc/hintway/control-plane-ca", folder));
  }
  writeFileSync(join(folder, "token"), token);
  writeFileSync(join(folder, "ca.crt"), ca);
  return folder;
}

/** Where clients connect, and the admin interface. */
function portsIn(configuration: KubernetesObject): [number, number] {
  const [listener] = configuration.static_resources.listeners;
  return [
    listener.address.socket_address.port_value,
    configuration.admin.address.socket_address.port_value,
  ];
}

const absent = missing();

describe.skipIf(absent)(`the chart's gateway${absent ? ` (skipped: ${absent})` : ""}`, () => {
  describeOnCluster("what the chart makes in standalone mode", (cluster) => {
    it.each([
      { over: "HTTP", values: [] },
      {
        over: "HTTPS",
        values: ["controlPlane.tls.secret=hw-tls", "controlPlane.tls.name=plane.example"],
      },
    ])(
      "is a gateway that routes to the Pods of its InferencePool, over $over",
      async ({ values }) => {
        const authority = new Authority("ours");
        authority.trust();
        const namespace = await cluster().namespace();
        const simulators = await startSimulators(2, ["--speed", "50"]);
        running.push(...simulators);
        const ports = simulators.map(({ port }) => port);
        const objects = template([
          ...["inferencePool.create=true", `inferencePool.name=${POOL}`],
          "inferencePool.selector.engine=simulated",
          ...[`inferencePool.targetPorts={${ports}}`, "config.settings.explain=true"],
          ...values,
        ]);
        if (typeof objects === "string") throw new Error(objects);
        const controlPlane = await startPlane(
          namespace,
          objects,
          "127.0.0.1",
          authority.issue("plane.example"),
        );
        running.push(controlPlane);
        const { data } = objectOf(objects, "ConfigMap", "hw-gateway");
        const secrets = mounted(data, controlPlane.token, authority.own.cert);
        const probes = await freePort();
        const envoy = await startEnvoy({
          ...{ controlPlane, workers: WORKERS },
          alter: (own) => placed(data["envoy.yaml"], own, controlPlane, secrets, probes),
        });
        running.push(envoy);

        const answer = await until("an answer of a Pod", () => explained(envoy.port));
        const addresses = simulators.map(({ address }) => address);
        expect(addresses).toContain(answer.headers.get("x-hintway-endpoint"));
        expect(answer.headers.get("x-hintway-explain")).toContain(`"pool":"${POOL}"`);
        const probe = `http://127.0.0.1:${probes}`;
        expect((await fetch(`${probe}/ready`)).status).toBe(200);
        expect(await (await fetch(`${probe}/stats/prometheus`)).text()).toContain("hintway");
        expect((await fetch(`${probe}/config_dump`)).status).toBe(404);
      },
    );
  });
});
