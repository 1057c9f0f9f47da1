import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HELM } from "../../deploy/helm.ts";
import { projectPath } from "../../start/project.ts";
import { temporaryFolder } from "../support/components.ts";
import { copies, missing } from "../support/gateways/assets.ts";
import type { KubernetesObject } from "../support/gateways/helm.ts";
import { Objects } from "../support/gateways/objects.ts";
import { type ApiServer, startApiServer } from "../support/kubernetes/api-server.ts";
import { findAssets } from "../support/kubernetes/assets.ts";
import { POOLS_CRD } from "../support/kubernetes/cluster.ts";

const hasKubectl = spawnSync("kubectl", ["version", "--client"]).status === 0;
const absent = missing() ?? (hasKubectl ? undefined : "no kubectl on PATH");
const SUM = "0123456789abcdef".repeat(4);
const NETWORKING = "gateway.networking.k8s.io/v1";
const POOLS = "inference.networking.k8s.io/v1";
const PICKER_CONFIGURATION = "kind: EndpointPickerConfig\nplugins: [{ type: queue-scorer }]\n";
/** They need Pods, a registry or another's chart, none of which is here. */
const ELSEWHERE = /^(docker|curl)\b|port-forward|rollout|apply -k|oci:|helm uninstall \$PICKER/;

/** Blocks of shell under a heading, up to the next one of its level or above. */
function blocks(heading: string): string[] {
  const lines = readFileSync(projectPath("README.md"), "utf8").split("\n");
  const from = lines.indexOf(heading);
  if (from === -1) throw new Error(`README.md has no heading ${heading}`);
  const level = heading.indexOf(" ");
  const rest = lines.slice(from + 1);
  const length = rest.findIndex((line) => /^#+ /.test(line) && line.indexOf(" ") <= level);
  const section = rest.slice(0, length === -1 ? rest.length : length).join("\n");
  return [...section.matchAll(/^```sh\n(.*?)^```/gms)].map(([, text]) => text ?? "");
}

/** Without the commands that are for elsewhere, each with the lines that it goes on in. */
function here(text: string): string {
  const commands = text.split(/(?<!\\)\n(?! )/);
  return commands.filter((command) => !ELSEWHERE.test(command)).join("\n");
}

describe.skipIf(absent)(`README's commands${absent ? ` (skipped: ${absent})` : ""}`, () => {
  let api: ApiServer;
  let objects: Objects;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    const assets = findAssets();
    if ("missing" in assets) throw new Error(assets.missing);
    api = await startApiServer(assets.binaries);
    objects = new Objects(api);
    await objects.installCrds([join(assets.crds, POOLS_CRD), ...copies()]);
    environment = {
      ...process.env,
      PATH: [programs(), process.env["PATH"]].join(delimiter),
      KUBECONFIG: api.kubeconfig,
      HELM_NAMESPACE: "",
    };
  }, 240_000);

  afterAll(() => api?.stop());

  /** Runs the blocks in one shell, in a checkout of the project; throws where one command fails. */
  function run(texts: string[]): void {
    const script = ["set -euo pipefail", ...texts.map(here)].join("\n");
    const folder = temporaryFolder();
    symlinkSync(projectPath("deploy"), join(folder, "deploy"));
    const ran = spawnSync("bash", ["-c", script], {
      ...{ cwd: folder, env: environment, encoding: "utf8" },
    });
    if (ran.status !== 0) throw new Error(`${script}\n${ran.stdout}${ran.stderr}`);
  }

  async function names(namespace: string, apiVersion: string, kind: string): Promise<string[]> {
    const found = await objects.list(apiVersion, kind, namespace);
    return found.map(({ metadata }) => metadata.name);
  }

  it("lead from neither gateway to Istio and to Envoy Gateway, by one release", async () => {
    run(blocks("#### With neither Istio nor Envoy Gateway"));
    expect(await names("inference", "apps/v1", "Deployment")).toContain("hintway-gateway");
    run(blocks("#### With Istio"));
    expect(await names("inference", "apps/v1", "Deployment")).toEqual(["hintway-control-plane"]);
    const [filter] = await objects.list("networking.istio.io/v1alpha3", "EnvoyFilter", "inference");
    const shown = /Bearer (\w{64})/.exec(JSON.stringify(filter))?.[1] ?? "";
    const { data } = await api.send("GET", "/api/v1/namespaces/inference/secrets/hintway-token");
    const [token, tokens] = [data.token, data.tokens].map((text) => atob(text));
    expect(token).toBe(shown);
    // What the chart's own Envoy showed before stays accepted.
    expect(tokens?.split("\n")).toHaveLength(2);
    expect(tokens?.split("\n")[0]).toBe(shown);
    run(blocks("#### With Envoy Gateway"));
    expect(await names("inference", "gateway.envoyproxy.io/v1alpha1", "EnvoyPatchPolicy")).toEqual([
      "hintway",
    ]);
    expect(await names("inference", NETWORKING, "HTTPRoute")).toEqual(["hintway"]);
  }, 120_000);

  it("lead from an endpoint picker to Hintway, and back", async () => {
    await objects.createNamespace("llm-d");
    for (const object of installation()) await objects.create(object, "llm-d");
    const heading = "### From llm-d or the Gateway API Inference Extension";
    const [own = "", beside = "", trial = "", all = "", back = ""] = blocks(heading);
    run([own, beside]);
    const pools = await objects.list(POOLS, "InferencePool", "llm-d");
    expect(pools.map(({ metadata }) => metadata.name)).toEqual(["hintway", "optimized-baseline"]);
    expect(pools[0].spec.selector).toEqual(pools[1].spec.selector);
    const { data } = await api.send("GET", "/api/v1/namespaces/llm-d/configmaps/hintway-config");
    expect(data["endpoint-picker.yaml"]).toBe(PICKER_CONFIGURATION);
    run([own, trial]);
    expect(await hosts()).toEqual({
      hintway: ["hintway.example"],
      "optimized-baseline": undefined,
    });
    run([own, all]);
    expect(await hosts()).toEqual({ hintway: undefined });
    run([own, back]);
    expect(await hosts()).toEqual({ hintway: ["hintway.example"] });
  }, 120_000);

  /** By HTTPRoute. */
  async function hosts(): Promise<Record<string, string[] | undefined>> {
    const routes = await objects.list(NETWORKING, "HTTPRoute", "llm-d");
    return Object.fromEntries(routes.map(({ metadata, spec }) => [metadata.name, spec.hostnames]));
  }
});

/** What of an installation with an endpoint picker the commands meet. */
function installation(): KubernetesObject[] {
  const name = "optimized-baseline";
  const gateway = "llm-d-inference-gateway";
  const targetPorts = [{ number: 8000 }];
  const selector = { matchLabels: { "llm-d.ai/guide": name } };
  const endpointPickerRef = { name: `${name}-epp`, port: { number: 9002 } };
  const backendRefs = [{ group: POOLS.split("/")[0], kind: "InferencePool", name }];
  const listeners = [{ name: "default", protocol: "HTTP", port: 80 }];
  return [
    object(POOLS, "InferencePool", name, { spec: { selector, targetPorts, endpointPickerRef } }),
    object("v1", "ConfigMap", `${name}-epp`, {
      data: { "default-plugins.yaml": PICKER_CONFIGURATION },
    }),
    object(NETWORKING, "Gateway", gateway, { spec: { gatewayClassName: "istio", listeners } }),
    object(NETWORKING, "HTTPRoute", name, {
      spec: { parentRefs: [{ name: gateway }], rules: [{ backendRefs }] },
    }),
  ];
}

function object(apiVersion: string, kind: string, name: string, content: object): KubernetesObject {
  return { apiVersion, kind, metadata: { name }, ...content };
}

/** A folder for PATH: helm, and a docker that tells the sum of the filter in an image. */
function programs(): string {
  const folder = join(temporaryFolder(), "bin");
  mkdirSync(folder);
  symlinkSync(HELM, join(folder, "helm"));
  const docker = join(folder, "docker");
  writeFileSync(docker, `#!/bin/sh\necho '${SUM}  build/filter.wasm'\n`);
  chmodSync(docker, 0o755);
  return folder;
}
