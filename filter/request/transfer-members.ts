// What the two bodies say to each connector, so that decode gets the cache that prefill computed.
import {
  CONNECTOR_NIXL,
  CONNECTOR_SGLANG,
  CONNECTOR_SHARED_STORAGE,
} from "../../protocol/records.ts";
import { meetingPortOf } from "../hints/disaggregation.ts";
import { addressAt, addressBytes } from "../hints/table.ts";
import { Text } from "../host/memory.ts";
import { TextBuffer } from "../text-buffer.ts";

// All fields of a request to be read from later, as the sidecar of llm-d-router sends them
// (pkg/sidecar/proxy/connector_nixlv2.go) and vLLM's toy proxy: those that decode needs are null.
const READ_LATER = new Text(
  '"kv_transfer_params":{"do_remote_decode":true,"do_remote_prefill":false,"remote_engine_id":null,"remote_block_ids":null,"remote_host":null,"remote_port":null}',
);

// The same in both bodies, as SGLang's own router and llm-d's sidecar send them
// (connector_sglang.go). The host is prefill's, an IPv6 address in its brackets.
const BOOTSTRAP_HOST = new Text('"bootstrap_host":"');
const BOOTSTRAP_PORT = new Text('","bootstrap_port":');
const BOOTSTRAP_ROOM = new Text(',"bootstrap_room":');

const COLON: u8 = 58;
const OPENING_BRACE: u8 = 123;
const members = new TextBuffer(1024);

/** Whether both legs are sent at once: decode waits for what prefill computes. */
export function isConcurrent(connector: u32): bool {
  return connector === CONNECTOR_SGLANG;
}

/** Whether the two legs meet by a number that the gateway makes, which serves one request only. */
export function meets(connector: u32): bool {
  return connector === CONNECTOR_SGLANG;
}

/** Whether its decode servers serve requests for which there was no prefill elsewhere. */
export function decodesAlone(connector: u32): bool {
  return connector !== CONNECTOR_SGLANG;
}

/** Whether decode cannot begin without what prefill has answered. */
export function needsParameters(connector: u32): bool {
  return connector === CONNECTOR_NIXL;
}

/**
 * Whether prefill makes one token whatever its body says. It is told how many answers are wanted then:
 * SGLang has a room for each, one after another.
 */
export function limitsItself(connector: u32): bool {
  return connector === CONNECTOR_SGLANG;
}

/** The last members of the body that the prefill endpoint `slot` gets, without a comma before them. */
export function prefillMembers(connector: u32, slot: u32, meeting: u64): TextBuffer {
  members.clear();
  if (connector === CONNECTOR_SGLANG) addRoom(slot, meeting);
  else if (connector !== CONNECTOR_SHARED_STORAGE) members.addText(READ_LATER);
  return members;
}

/**
 * How the body begins that decode gets, with a brace and the members that the gateway makes; there is
 * room for a byte behind.
 */
export function decodeBeginning(connector: u32, slot: u32, meeting: u64): TextBuffer {
  members.clear();
  members.addByte(OPENING_BRACE);
  if (connector === CONNECTOR_SGLANG) addRoom(slot, meeting);
  return members;
}

function addRoom(slot: u32, meeting: u64): void {
  members.addText(BOOTSTRAP_HOST);
  members.add(addressAt(slot), hostBytes(slot));
  members.addText(BOOTSTRAP_PORT);
  members.addInteger(meetingPortOf(slot));
  members.addText(BOOTSTRAP_ROOM);
  members.addInteger(meeting);
}

/** An address without its port. */
function hostBytes(slot: u32): u32 {
  const at = addressAt(slot);
  let bytes = addressBytes(slot);
  while (bytes > 0 && load<u8>(at + --bytes) !== COLON);
  return bytes;
}
