// The numbers by which steps of all profiles name request headers, values of endpoints and label
// filters. What is asked for twice has one number.
import { HEADERS_MAX, VALUES_MAX } from "../../protocol/limits.ts";
import type { LabelTest, Numbering } from "../scoring/plugin.ts";
import type { ValueOf } from "../scoring/values.ts";

/** One bit an endpoint each. */
const LABEL_FILTERS_MAX = 32;

export class Numbers implements Numbering {
  readonly headers: string[] = [];
  readonly endpointValues: ValueOf[] = [];
  readonly labelFilters: LabelTest[] = [];

  header(name: string): number {
    const lower = name.toLowerCase();
    const known = this.headers.indexOf(lower);
    return known === -1 ? this.headers.push(lower) - 1 : known;
  }

  values(...values: ValueOf[]): number {
    return this.endpointValues.push(...values) - values.length;
  }

  labelFilter(matches: LabelTest): number {
    return this.labelFilters.push(matches) - 1;
  }

  /** What there is too much of; undefined where everything fits. */
  get excess(): string | undefined {
    if (this.headers.length > HEADERS_MAX) return `look at more than ${HEADERS_MAX} headers`;
    if (this.endpointValues.length > VALUES_MAX) {
      return `look at more than ${VALUES_MAX} values of an endpoint`;
    }
    if (this.labelFilters.length > LABEL_FILTERS_MAX) {
      return `have more than ${LABEL_FILTERS_MAX} label filters`;
    }
    return undefined;
  }
}
