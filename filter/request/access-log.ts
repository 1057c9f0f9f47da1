// What became of a request, left where Envoy's access log finds it: %FILTER_STATE(wasm.hintway:PLAIN)%.
// Only where the operator asks for it: it is one more call to the host.
import { REASONS, reasonName } from "../../protocol/reasons.ts";
import { NO_SLOT, SETTINGS_FLAG_ACCESS_LOG } from "../../protocol/records.ts";
import { addressAt, addressBytes, settings } from "../hints/table.ts";
import { Text } from "../host/memory.ts";
import { setProperty } from "../host/properties.ts";
import { TextBuffer } from "../text-buffer.ts";
import { Request } from "./live.ts";
import { stageName } from "./stage-names.ts";

const PROPERTY = new Text("hintway");
const PICK = new Text("pick=");
const STAGE = new Text(" stage=");
const REASON = new Text(" reason=");
const NONE: u8 = 0x2d;

const reasons = new StaticArray<Text>(<i32>REASONS);
for (let reason: u32 = 0; reason < REASONS; reason++) {
  reasons[reason] = new Text(reasonName(reason));
}

const line = new TextBuffer(256);

/** Such as `pick=10.0.0.5:8000 stage=fresh reason=prefix`; the pick is `-` where there is none. */
export function logPick(request: Request): void {
  if ((settings.flags & SETTINGS_FLAG_ACCESS_LOG) === 0) return;
  const slot = request.pickedSlot;
  line.clear();
  line.addText(PICK);
  if (slot === NO_SLOT) line.addByte(NONE);
  else line.add(addressAt(slot), addressBytes(slot));
  line.addText(STAGE);
  line.addText(stageName(request.stage));
  line.addText(REASON);
  line.addText(unchecked(reasons[request.reason]));
  setProperty(PROPERTY, line.at, line.bytes);
}
