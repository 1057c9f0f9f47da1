// How a pool has its media encoded, as a test wants a control plane to say it.
import type { FrameWriter } from "../../control-plane/hints/frame-writer.ts";
import * as encoding from "../../protocol/encoding-records.ts";
import * as wire from "../../protocol/records.ts";

/** What is left out is where there are media, with NIXL. */
export interface EncodingHint {
  readonly decider?: number;
  readonly parameters?: readonly [number, number];
  readonly profile?: number;
  readonly connector?: number;
}

export function writeEncoding(writer: FrameWriter, pool: number, one: EncodingHint): void {
  const body = writer.begin(encoding.ENCODING, encoding.ENCODING_BYTES);
  const set = (offset: number, value: number) => writer.view.setUint32(body + offset, value, true);
  const [first, second] = one.parameters ?? [0, 0];
  set(encoding.ENCODING_POOL, pool);
  set(encoding.ENCODING_DECIDER, one.decider ?? wire.DECIDE_MEDIA);
  writer.view.setFloat32(body + encoding.ENCODING_PARAMETERS, first, true);
  writer.view.setFloat32(body + encoding.ENCODING_PARAMETERS + 4, second, true);
  set(encoding.ENCODING_PROFILE, one.profile ?? 0);
  set(encoding.ENCODING_CONNECTOR, one.connector ?? encoding.ENCODINGS_NIXL);
}
