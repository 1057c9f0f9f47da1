// One record of a frame of hints, field by field.
import type { FrameWriter } from "../../control-plane/hints/frame-writer.ts";

export type SetField = (offset: number, value: number) => void;

export function record(
  writer: FrameWriter,
  kind: number,
  bytes: number,
  write: (set: SetField, view: DataView, body: number) => void,
): void {
  const body = writer.begin(kind, bytes);
  const { view } = writer;
  write((offset, value) => view.setUint32(body + offset, value, true), view, body);
}
