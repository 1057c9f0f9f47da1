// The reference endpoint picker (the Gateway API Inference Extension's `epp`) with what it needs.

import { freePorts } from "../../start/ports.ts";
import { projectPath } from "../../start/project.ts";
import { Part } from "../../start/supervise.ts";
import { Watchdog } from "../../start/watchdog.ts";
import { type ApiServer, startApiServer } from "../../test/support/kubernetes/api-server.ts";
import { createPool, POOL_GROUP, POOL_NAME } from "./pool-objects.ts";

export interface PickerOptions {
  /** Path of its binary. */
  binary: string;
  /** Folder with the binaries etcd and kube-apiserver. */
  kubernetes: string;
}

export interface Picker {
  /** Where it answers Envoy. */
  port: number;
  processId: number;
  /** Of its API server. */
  serverIds: number[];
  /** Stops its processes where they are: it probes every endpoint 20 times a second. */
  hold(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** Beyond this many, its default of 20 probes a second each would take the machine by itself. */
const FAST_PROBED_MAX = 64;

export async function startPicker(
  options: PickerOptions,
  hosts: string[],
  port: number,
): Promise<Picker> {
  const api = await startApiServer(options.kubernetes);
  try {
    await createPool(api, hosts, port);
    const [grpcPort = 0, healthPort = 0, metricsPort = 0] = await freePorts(3);
    const part = new Part(
      {
        name: "Reference picker",
        command: "env",
        args: [
          `KUBECONFIG=${api.kubeconfig}`,
          options.binary,
          ...["--pool-name", POOL_NAME, "--pool-namespace", "default", "--pool-group", POOL_GROUP],
          ...["--config-file", projectPath("bench", "picker", "endpoint-picker.yaml")],
          ...["--grpc-port", `${grpcPort}`, "--grpc-health-port", `${healthPort}`],
          ...["--metrics-port", `${metricsPort}`, "--metrics-endpoint-auth=false"],
          ...["--v", "1", "--zap-encoder", "json", "--tracing=false"],
          ...(hosts.length > FAST_PROBED_MAX ? ["--refresh-metrics-interval", "1s"] : []),
        ],
        healthUrl: `http://127.0.0.1:${metricsPort}/metrics`,
      },
      { watchdog: new Watchdog() },
    );
    await part.start();
    return pickerOf(part, api, grpcPort);
  } catch (error) {
    await api.stop();
    throw error;
  }
}

function pickerOf(part: Part, api: ApiServer, port: number): Picker {
  const processId = part.process.pid ?? 0;
  const signal = (name: "SIGSTOP" | "SIGCONT") => {
    for (const id of [processId, ...api.processIds]) process.kill(id, name);
  };
  const resume = () => signal("SIGCONT");
  return {
    ...{ port, processId, resume },
    serverIds: api.processIds,
    hold: () => signal("SIGSTOP"),
    stop: async () => {
      resume();
      await part.stop();
      await api.stop();
    },
  };
}
