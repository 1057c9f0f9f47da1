// The chart's objects as helm renders them.

import { parseAllDocuments } from "yaml";
import { render } from "../../../deploy/helm.ts";

export { lint, NAMESPACE } from "../../../deploy/helm.ts";

// biome-ignore lint/suspicious/noExplicitAny: objects of every kind, read by tests.
export type KubernetesObject = any;

/** The objects of a release `hw`, or what helm says against it. */
export function template(values: string[]): KubernetesObject[] | string {
  const { isDone, text } = render("hw", values);
  if (!isDone) return text;
  return parseAllDocuments(text)
    .map((document) => document.toJS())
    .filter((object) => object !== null);
}
