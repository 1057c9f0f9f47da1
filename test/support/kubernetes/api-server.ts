// A real Kubernetes API server (etcd and kube-apiserver) on 127.0.0.1, for tests, and for a bench's
// reference picker, which reads its pool there. There is no controller and no kubelet: nothing
// happens to an object but what is sent.

import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Agent, request } from "undici";
import { freePorts } from "../../../start/ports.ts";
import { Part } from "../../../start/supervise.ts";
import { Watchdog } from "../../../start/watchdog.ts";
import { temporaryFolder } from "../components.ts";
import { until } from "../until.ts";

const TOKEN = "administrator";
const READY_TIMEOUT_MS = 60_000;

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Any object as the server gives it. */
// biome-ignore lint/suspicious/noExplicitAny: tests read fields of every kind.
export type Answer = any;

export interface ApiServer {
  port: number;
  /** For a client's KUBECONFIG, which then may do everything. */
  kubeconfig: string;
  processIds: number[];
  /** Sends an object, or asks for one; throws with the server's words when it refuses. */
  send(method: Method, path: string, object?: object): Promise<Answer>;
  /** Kills the API server, does what is to be done meanwhile, and starts it on the same port. */
  restart(meanwhile?: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/** `folder` holds the binaries etcd and kube-apiserver. */
export async function startApiServer(folder: string): Promise<ApiServer> {
  const state = temporaryFolder();
  const [etcdPort = 0, peerPort = 0, port = 0] = await freePorts(3);
  const watchdog = new Watchdog();
  const healthUrl = `http://127.0.0.1:${etcdPort}/health`;
  const etcd = new Part(
    {
      ...{ name: "etcd", command: join(folder, "etcd"), healthUrl },
      args: etcdFlags(join(state, "etcd"), etcdPort, peerPort),
    },
    { watchdog },
  );
  const server = new Part(
    {
      // Its own health is behind TLS; it is asked below.
      ...{ name: "kube-apiserver", command: join(folder, "kube-apiserver"), healthUrl },
      args: serverFlags(state, etcdPort, port),
    },
    { watchdog },
  );
  const url = `https://127.0.0.1:${port}`;
  const stop = async () => {
    await server.stop();
    await etcd.stop();
  };
  const serve = async () => {
    await server.start();
    await until("the API server to be ready", () => isReady(url), READY_TIMEOUT_MS);
  };
  try {
    await etcd.start();
    await serve();
  } catch (error) {
    const lines = server.lines().slice(-5);
    await stop();
    throw new Error(["The API server does not start:", ...lines].join("\n    "), { cause: error });
  }
  return {
    port,
    kubeconfig: writeKubeconfig(join(state, "kubeconfig"), port, { token: TOKEN }),
    processIds: [etcd.process.pid ?? 0, server.process.pid ?? 0],
    send: (method, path, object) => send(`${url}${path}`, method, object),
    restart: async (meanwhile) => {
      await server.kill();
      await meanwhile?.();
      await serve();
    },
    stop,
  };
}

function etcdFlags(folder: string, port: number, peerPort: number): string[] {
  const [client, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
  return [
    ...["--data-dir", folder, "--unsafe-no-fsync", "--log-level", "warn"],
    ...["--listen-client-urls", client, "--advertise-client-urls", client],
    ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
    ...["--initial-cluster", `default=${peer}`],
  ];
}

function serverFlags(state: string, etcdPort: number, port: number): string[] {
  const tokens = join(state, "tokens.csv");
  const key = join(state, "service-account.key");
  writeFileSync(tokens, `${TOKEN},admin,admin,system:masters\n`, { mode: 0o600 });
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(key, privateKey.export({ type: "pkcs1", format: "pem" }), { mode: 0o600 });
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    ...["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", `--secure-port=${port}`],
    ...[`--cert-dir=${join(state, "certificates")}`, `--token-auth-file=${tokens}`],
    "--authorization-mode=RBAC",
    ...["--service-account-issuer=https://kubernetes.default.svc"],
    ...[`--service-account-key-file=${key}`, `--service-account-signing-key-file=${key}`],
    // A loopback address is refused in the Endpoints of the server's own service.
    ...["--service-cluster-ip-range=10.0.0.0/24", "--endpoint-reconciler-type=none"],
    // No controller makes service accounts, which Pods would have to name.
    "--disable-admission-plugins=ServiceAccount",
  ];
}

/** Its certificate is its own. */
const agent = new Agent({ connect: { rejectUnauthorized: false } });
const authorization = `Bearer ${TOKEN}`;

async function isReady(url: string): Promise<boolean> {
  try {
    const answer = await request(`${url}/readyz`, {
      dispatcher: agent,
      headers: { authorization },
    });
    return (await answer.body.text()) === "ok";
  } catch {
    return false;
  }
}

async function send(url: string, method: Method, object?: object): Promise<Answer> {
  const answer = await request(url, {
    ...{ dispatcher: agent, method, body: object === undefined ? null : JSON.stringify(object) },
    headers: { authorization, "content-type": contentType(method, url) },
  });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) throw new Error(`${method} ${url}: ${answer.statusCode} ${text}`);
  return JSON.parse(text);
}

function contentType(method: Method, url: string): string {
  if (method !== "PATCH") return "application/json";
  const isApplied = url.includes("fieldManager=");
  return isApplied ? "application/apply-patch+yaml" : "application/merge-patch+json";
}

/** Writes a kubeconfig of one user of the server at `port`, and answers its path. */
export function writeKubeconfig(
  path: string,
  port: number,
  user: object,
  namespace = "default",
): string {
  const cluster = { server: `https://127.0.0.1:${port}`, "insecure-skip-tls-verify": true };
  const configuration = {
    ...{ apiVersion: "v1", kind: "Config", "current-context": "test" },
    clusters: [{ name: "test", cluster }],
    users: [{ name: "user", user }],
    contexts: [{ name: "test", context: { cluster: "test", user: "user", namespace } }],
  };
  writeFileSync(path, JSON.stringify(configuration), { mode: 0o600 });
  return path;
}
