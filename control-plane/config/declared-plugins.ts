// The `plugins` of a configuration: each looked up by its type, its parameters checked.
import { Value } from "typebox/value";
import { configUnknownPlugin, configUnsupportedPlugin } from "../errors.ts";
import { SCHEDULING_PLUGINS } from "../scoring/catalogue.ts";
import type { Parameters, Plugin } from "../scoring/plugin.ts";
import { BYSTANDERS } from "./bystanders.ts";
import type { ConfigurationDocument } from "./document.ts";
import { schemaProblem, valueAt } from "./schema-problem.ts";
import { UNSUPPORTED } from "./unsupported-plugins.ts";

export interface DeclaredPlugin {
  name: string;
  plugin: Plugin;
  /** Complete, and checked by the plugin. */
  parameters: Parameters;
}

const KNOWN: ReadonlyMap<string, Plugin> = new Map(
  [...SCHEDULING_PLUGINS, ...BYSTANDERS].map((plugin) => [plugin.type, plugin]),
);

/** By name, in the order of the file. Names are unique; an absent name is the type. */
export function declaredPlugins(document: ConfigurationDocument): Map<string, DeclaredPlugin> {
  const declared = new Map<string, DeclaredPlugin>();
  for (const [index, { name, type }] of (document.file.plugins ?? []).entries()) {
    const own = name || type;
    const plugin = pluginOf(document, index, type);
    if (declared.has(own)) {
      const problem = "another plugin has this name; give each its own";
      throw document.invalid(["plugins", index, name ? "name" : "type"], own, problem);
    }
    declared.set(own, { name: own, plugin, parameters: parametersOf(document, index, plugin) });
  }
  return declared;
}

/** A plugin that the configuration leaves out, with its default parameters but for those given. */
export function defaultPlugin(type: string, given: Parameters = {}): DeclaredPlugin {
  const plugin = KNOWN.get(type);
  if (plugin === undefined) throw new Error(`no plugin has the type ${type}`);
  return {
    name: type,
    plugin,
    parameters: Value.Default(plugin.parameters, { ...given }) as Parameters,
  };
}

/** The plugin of this name; else, as upstream adds them, the one of this type with its defaults. */
export function declaredOrDefault(
  declared: ReadonlyMap<string, DeclaredPlugin>,
  name: string,
): DeclaredPlugin | undefined {
  return declared.get(name) ?? (KNOWN.has(name) ? defaultPlugin(name) : undefined);
}

function pluginOf(document: ConfigurationDocument, index: number, type: string): Plugin {
  const plugin = KNOWN.get(type);
  if (plugin !== undefined) return plugin;
  const place = document.place(["plugins", index, "type"]);
  const reason = UNSUPPORTED.get(type);
  if (reason !== undefined) throw configUnsupportedPlugin(place, type, reason);
  throw configUnknownPlugin(place, type, [...KNOWN.keys()].sort());
}

function parametersOf(document: ConfigurationDocument, index: number, plugin: Plugin): Parameters {
  const given = document.file.plugins?.[index]?.parameters ?? {};
  const path = ["plugins", index, "parameters"];
  warnOfStability(document, index, plugin);
  if (Object.keys(plugin.parameters.properties).length === 0) {
    if (Object.keys(given).length > 0) document.warn(path, `${plugin.type} takes no parameters`);
    return {};
  }
  const complete = Value.Default(plugin.parameters, structuredClone(given)) as Parameters;
  const problem = schemaProblem(plugin.parameters, complete);
  if (problem !== undefined) throw document.refusal(path, problem);
  const refused = plugin.refuse?.(complete);
  if (refused !== undefined) {
    const value = valueAt(complete, refused.path);
    throw document.invalid([...path, ...refused.path], value, refused.problem);
  }
  for (const warning of plugin.warn?.(complete) ?? []) {
    document.warn(path, `${plugin.type}: ${warning}`);
  }
  if (plugin.role === "bystander" && !plugin.isHonoured && Object.keys(given).length > 0) {
    document.warn(path, `${plugin.type}: parameters have no effect, ${plugin.note}`);
  }
  return complete;
}

function warnOfStability(document: ConfigurationDocument, index: number, plugin: Plugin): void {
  if (plugin.stability === "beta") return;
  document.warn(["plugins", index], `${plugin.type} is ${plugin.stability}: it may still change`);
}
