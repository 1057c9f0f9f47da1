// What a Kubernetes cluster says, as the control plane takes it.

import { POOLS_MAX } from "../protocol/limits.ts";
import { defaultConfiguration, parseConfiguration } from "./config/configuration.ts";
import { parseSettings } from "./config/settings-document.ts";
import type { ControlPlane } from "./control-plane.ts";
import { ApiServer, configurationFrom } from "./discovery/kubernetes/api-server.ts";
import { Cluster, type ClusterOptions } from "./discovery/kubernetes/cluster.ts";
import type { ConfigMapKey } from "./discovery/kubernetes/config-map.ts";
import type { LastGoodFiles } from "./discovery/last-good.ts";
import { flagInvalid, type HintwayError } from "./errors.ts";
import type { Options } from "./options.ts";
import { adjustableOf } from "./settings.ts";

/** Throws FLAG_INVALID, or what is wrong with the way to the API server. */
export function followCluster(
  controlPlane: ControlPlane,
  options: Options,
  lastGood: LastGoodFiles | undefined,
): Cluster {
  const { kubeconfig } = options;
  const scope = scopeOf(options);
  const api = new ApiServer(() => configurationFrom(kubeconfig));
  const cluster = new Cluster(
    api,
    {
      ...scope(api.namespace),
      configMap: options.configMap ?? null,
      keys: [configurationKey(controlPlane), settingsKey(controlPlane, options)],
      ...{ kept: lastGood, controllerName: options.controllerName, poolsMax: POOLS_MAX },
    },
    {
      pools: (pools) => {
        controlPlane.discoverPools(pools);
        const endpoints = pools.reduce((sum, pool) => sum + pool.endpoints.length, 0);
        controlPlane.accept("pool", { pools: pools.length, endpoints });
      },
      rewrites: (rules) => {
        controlPlane.rewriteModels(rules);
        controlPlane.accept("rewrites", { rules: rules.length });
      },
      refused: (part, error, kind) => controlPlane.refuse(part, error, kind),
      accepted: (part) => controlPlane.accept(part, {}),
    },
  );
  cluster.start();
  return cluster;
}

type Scope = Pick<ClusterOptions, "namespaces" | "poolNames" | "parents">;

/** What the flags say; answers it for the namespace that holds where they name none. */
function scopeOf(options: Options): (own: string) => Scope {
  const named = namesIn("--namespace", options.namespace);
  const poolNames = namesIn("--inference-pools", options.inferencePools);
  const gateways = namesIn("--parents", options.parents) ?? [];
  return (own) => {
    const namespaces = named ?? [own];
    const [first = own] = namespaces;
    const parents = gateways.map((text) => {
      const [name = "", namespace = first] = text.split("/").reverse();
      return { name, namespace };
    });
    return { namespaces, poolNames, parents };
  };
}

/** Names of Kubernetes, with a namespace in front or not; null where there is no such flag. */
const NAMES = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$/;

function namesIn(flag: string, text: string | undefined): string[] | null {
  if (text === undefined) return null;
  const names = text.split(",").map((part) => part.trim());
  const wrong = names.find((name) => !NAMES.test(name));
  if (wrong === undefined) return [...new Set(names)];
  throw flagInvalid(flag, wrong, "give names of Kubernetes objects, separated by commas");
}

function configurationKey(controlPlane: ControlPlane): ConfigMapKey {
  const name = "endpoint-picker.yaml";
  return {
    name,
    take: (text) => {
      const configuration = text === null ? defaultConfiguration() : parseConfiguration(text, name);
      controlPlane.configure(configuration);
      controlPlane.accept("config", { warnings: configuration.warnings });
    },
    refused: (error: HintwayError) => controlPlane.refuse("config", error),
  };
}

function settingsKey(controlPlane: ControlPlane, options: Options): ConfigMapKey {
  const name = "settings.yaml";
  return {
    name,
    take: (text) => {
      const given = text === null ? {} : parseSettings(text, name);
      controlPlane.adjust(adjustableOf({ ...options, ...given }));
      controlPlane.accept("settings", given);
    },
    refused: (error: HintwayError) => controlPlane.refuse("settings", error),
  };
}
