import { MetricType, nameOf, WasmResult } from "./abi.ts";
import type { HostFunctions } from "./imports.ts";
import type { Vm } from "./vm.ts";

/** A stat of the process: a counter, a gauge, or a histogram of which count and sum are kept. */
export interface Metric {
  readonly name: string;
  readonly type: number;
  /** Of a counter or a gauge; the sum of the samples of a histogram. */
  value: number;
  /** Samples of a histogram. */
  count: number;
}

/** Stats by type and name: the same name in two VMs is one stat. */
export class Metrics {
  readonly #byName = new Map<string, Metric>();

  define(type: number, name: string): Metric {
    const key = `${type}:${name}`;
    let metric = this.#byName.get(key);
    if (!metric) {
      metric = { name, type, value: 0, count: 0 };
      this.#byName.set(key, metric);
    }
    return metric;
  }

  /** A stat by name, a gauge before a counter before a histogram. */
  get(name: string): Metric | undefined {
    const { Gauge, Counter, Histogram } = MetricType;
    for (const type of [Gauge, Counter, Histogram]) {
      const metric = this.#byName.get(`${type}:${name}`);
      if (metric) {
        return metric;
      }
    }
    return undefined;
  }

  all(): Metric[] {
    return [...this.#byName.values()];
  }
}

const TYPE_MASK = 3;
const ID_STEP = 4;

/** The ids that one VM was given; the lowest two bits of an id are the type. */
class MetricIds {
  readonly #metrics = new Map<number, Metric>();
  readonly #last: number[] = [MetricType.Counter, MetricType.Gauge, MetricType.Histogram];

  add(metric: Metric): number {
    const id = this.#last[metric.type]! + ID_STEP;
    this.#last[metric.type] = id;
    this.#metrics.set(id, metric);
    return id;
  }

  get(id: number): Metric | undefined {
    return this.#metrics.get(id >>> 0);
  }
}

export function metricCalls(vm: Vm): HostFunctions {
  const ids = new MetricIds();
  const unknown = (id: number): number =>
    vm.refuse(WasmResult.NotFound, `this VM was given no metric id ${id >>> 0}`);
  return {
    proxy_define_metric: (type, name, nameBytes, idPointer) => {
      const text = vm.memory.text(name, nameBytes);
      vm.note(nameOf(MetricType, type), text);
      if (type >>> 0 > MetricType.Histogram) {
        return vm.refuse(WasmResult.BadArgument, `a metric has no type ${type >>> 0}`);
      }
      vm.memory.writeU32(idPointer, ids.add(vm.gateway.metrics.define(type, text)));
      return WasmResult.Ok;
    },
    proxy_increment_metric: (id, offset: unknown) => {
      const metric = ids.get(id);
      if (!metric) {
        return unknown(id);
      }
      const by = Number(offset as bigint);
      vm.note(metric.name, by);
      return increment(vm, metric, by);
    },
    proxy_record_metric: (id, value: unknown) => {
      const metric = ids.get(id);
      if (!metric) {
        return unknown(id);
      }
      const recorded = Number(BigInt.asUintN(64, value as bigint));
      vm.note(metric.name, recorded);
      metric.count++;
      metric.value = metric.type === MetricType.Gauge ? recorded : metric.value + recorded;
      return WasmResult.Ok;
    },
    proxy_get_metric: (id, valuePointer) => {
      const metric = ids.get(id);
      if (!metric) {
        return unknown(id);
      }
      vm.note(metric.name);
      if ((id & TYPE_MASK) === MetricType.Histogram) {
        return vm.refuse(WasmResult.BadArgument, "a histogram cannot be read");
      }
      vm.memory.writeU64(valuePointer, BigInt(metric.value));
      return WasmResult.Ok;
    },
  };
}

function increment(vm: Vm, metric: Metric, by: number): number {
  if (metric.type === MetricType.Histogram) {
    return vm.refuse(WasmResult.BadArgument, "a histogram cannot be incremented");
  }
  if (metric.type === MetricType.Counter && by <= 0) {
    return vm.refuse(WasmResult.BadArgument, `the counter ${metric.name} cannot grow by ${by}`);
  }
  if (metric.value + by < 0) {
    // Envoy asserts in debug builds and wraps to 2^64 in release builds; neither is ever meant.
    return vm.refuse(WasmResult.Ok, `the gauge ${metric.name} falls below 0, by ${by}`);
  }
  metric.value += by;
  return WasmResult.Ok;
}
