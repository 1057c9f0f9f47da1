// The plugin's configuration, which never changes while it runs: where the control plane is and how
// this gateway attaches. Everything that is tuned arrives in the hints.

import { FRAME_OK } from "../protocol/frame.ts";
import { FRAME_BYTES_MAX } from "../protocol/limits.ts";
import { checkHints } from "./hints/check.ts";
import { defineCounters } from "./hints/counters.ts";
import { agreeOnGatewayId } from "./hints/gateway-id.ts";
import { takeHints } from "./hints/intake.ts";
import { takeKeptTable } from "./hints/kept-table.ts";
import { configureLink } from "./hints/link.ts";
import { join, ownNumber } from "./hints/machines.ts";
import { setCold } from "./hints/table.ts";
import { bufferAt, PLUGIN_CONFIGURATION, readBuffer } from "./host/buffers.ts";
import { warn } from "./host/callouts.ts";
import { drawBits } from "./host/chance.ts";
import { nowMs } from "./host/clock.ts";
import { expectUpTo, Text } from "./host/memory.ts";
import { FlatObject } from "./json/flat-object.ts";
import { beginMeetings } from "./request/meeting-id.ts";
import { setFallbackCluster } from "./request/pool-choice.ts";
import { seedRandom } from "./request/random.ts";
import { setAttachment } from "./request/stream.ts";
import { setRoot } from "./root.ts";
import { startTicking } from "./tick.ts";

const NOT_AN_OBJECT = new Text(
  'hintway: the plugin configuration is not a flat JSON object; write {"attachment":"pause","controlPlaneCluster":"...","token":"..."}',
);
const BAD_ATTACHMENT = new Text(
  'hintway: "attachment" in the plugin configuration is neither "pause" nor "buffer"; set one of them',
);

let hasJoined: bool = false;

/** Reads the configuration and joins the gateway's other machines; false refuses to start. */
export function configure(root: u32, bytes: u32): bool {
  const object = new FlatObject();
  const read = readBuffer(PLUGIN_CONFIGURATION, 0, bytes);
  if (read > 0 && !object.read(bufferAt(), read)) {
    warn(NOT_AN_OBJECT.at, NOT_AN_OBJECT.bytes);
    return false;
  }
  const buffers = object.isText("attachment", "buffer");
  if (object.has("attachment") && !buffers && !object.isText("attachment", "pause")) {
    warn(BAD_ATTACHMENT.at, BAD_ATTACHMENT.bytes);
    return false;
  }
  setAttachment(!buffers);
  setFallbackCluster(object.text("fallbackCluster"), object.textBytes("fallbackCluster"));
  setRoot(root);
  configureLink(new Text(textOf(object, "controlPlaneCluster")), textOf(object, "token"));
  const startMs = nowMs();
  if (!hasJoined) {
    hasJoined = true;
    // One more, by which an answer over the limit is told.
    expectUpTo(<i32>FRAME_BYTES_MAX + 1);
    const seed = <u64>(startMs * 1e6);
    defineCounters();
    agreeOnGatewayId(seed);
    join(<u32>seed | 1, startMs);
    seedRandom(seed + <u64>ownNumber);
    beginMeetings(drawBits());
  }
  if (!takeKeptTable(startMs)) takeColdHints(object, startMs);
  startTicking();
  return true;
}

function textOf(object: FlatObject, name: string): string {
  return String.UTF8.decodeUnsafe(object.text(name), object.textBytes(name));
}

/** Hints that the gateway's start found on disk: they serve until the control plane is heard. */
function takeColdHints(object: FlatObject, startMs: f64): void {
  if (!object.decode("hints")) return;
  const bytes = object.textBytes("hints");
  const frame = new ArrayBuffer(<i32>bytes);
  const view = new DataView(frame);
  memory.copy(changetype<usize>(frame), object.text("hints"), bytes);
  if (checkHints(view, 0, bytes) !== FRAME_OK) return;
  takeHints(view, changetype<usize>(frame), bytes, startMs);
  setCold(true);
}
