// What the two bodies say to each connector, so that decode gets the cache that prefill computed. The
// fields are those that the sidecar of llm-d-router sends (pkg/sidecar/proxy/connector_*.go), and the
// engines' own proxies.
import {
  CONNECTOR_MOONCAKE,
  CONNECTOR_NIXL,
  CONNECTOR_OFFLOADING,
  CONNECTOR_SGLANG,
} from "../../protocol/records.ts";
import { engineAt, engineBytesOf, meetingPortOf } from "../hints/disaggregation.ts";
import { addressAt, addressBytes } from "../hints/table.ts";
import { Text } from "../host/memory.ts";
import { TextBuffer } from "../text-buffer.ts";

// ---- connectors ---------------------------------------------------------------------------------

/** Whether both legs are sent at once: decode waits for what prefill computes. */
export function isConcurrent(connector: u32): bool {
  return connector === CONNECTOR_SGLANG || connector === CONNECTOR_MOONCAKE;
}

/** Whether the two legs meet by a number that the gateway makes, which serves one request only. */
export function meets(connector: u32): bool {
  return isConcurrent(connector) || connector === CONNECTOR_OFFLOADING;
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

/** Whether what one prefill computed serves several answers, or several prompts of one body. */
export function servesMany(connector: u32): bool {
  return connector !== CONNECTOR_MOONCAKE;
}

/** Whether all is known that decode has to be told of the prefill endpoint `slot`. */
export function isKnown(connector: u32, slot: u32): bool {
  return connector !== CONNECTOR_MOONCAKE || engineBytesOf(slot) > 0;
}

/** Whether prefill has to be told on which rank of the endpoint it runs. */
export function namesRank(connector: u32): bool {
  return connector === CONNECTOR_MOONCAKE;
}

// ---- their members ------------------------------------------------------------------------------

// All fields of a request to be read from later: those that decode needs are null.
const READ_LATER = new Text(
  '"kv_transfer_params":{"do_remote_decode":true,"do_remote_prefill":false,"remote_engine_id":null,"remote_block_ids":null,"remote_host":null,"remote_port":null}',
);

const BOOTSTRAP_HOST = new Text('"bootstrap_host":"');
const BOOTSTRAP_PORT = new Text('","bootstrap_port":');
const BOOTSTRAP_ROOM = new Text(',"bootstrap_room":');

const TRANSFER_OUT = new Text(
  '"kv_transfer_params":{"do_remote_decode":true,"do_remote_prefill":false,"transfer_id":"',
);
const TRANSFER_IN = new Text(
  '"kv_transfer_params":{"do_remote_decode":false,"do_remote_prefill":true,"transfer_id":"',
);
const BOOTSTRAP_ADDRESS = new Text('","remote_bootstrap_addr":"http://');
const ENGINE = new Text('","remote_engine_id":"');

const FOR_DECODER = new Text('"kv_transfer_params":{"remote_decoder":{"kv_request_id":"');
const FROM_PREFILLER = new Text('"kv_transfer_params":{"remote_prefiller":{"kv_request_id":"');
const REMOTE_HOST = new Text('","remote_host":"');
const REMOTE_PORT = new Text('","remote_port":');

const END = new Text('"}');
const TWO_ENDS = new Text('"}}');
const TWO_BRACES = new Text("}}");
const TRANSFER = new Text("xfer-");
const COLON: u8 = 58;
const OPENING_BRACE: u8 = 123;
const OPENING_BRACKET: u8 = 91;
const members = new TextBuffer(1024);

/** The last members of the body that the prefill endpoint `slot` gets, without a comma before them. */
export function prefillMembers(connector: u32, slot: u32, meeting: u64): TextBuffer {
  members.clear();
  if (connector === CONNECTOR_NIXL) members.addText(READ_LATER);
  else if (connector === CONNECTOR_SGLANG) addRoom(slot, meeting);
  else if (connector === CONNECTOR_MOONCAKE) addIdentifier(TRANSFER_OUT, meeting, END);
  else if (connector === CONNECTOR_OFFLOADING) addIdentifier(FOR_DECODER, meeting, TWO_ENDS);
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
  else if (connector === CONNECTOR_MOONCAKE) addTransferIn(slot, meeting);
  else if (connector === CONNECTOR_OFFLOADING) addPrefiller(slot, meeting);
  return members;
}

/** The same in both bodies. The host is prefill's, an IPv6 address in its brackets, as in SGLang's router. */
function addRoom(slot: u32, meeting: u64): void {
  members.addText(BOOTSTRAP_HOST);
  members.add(addressAt(slot), hostBytes(slot));
  members.addText(BOOTSTRAP_PORT);
  members.addInteger(meetingPortOf(slot));
  members.addText(BOOTSTRAP_ROOM);
  members.addInteger(meeting);
}

function addTransferIn(slot: u32, meeting: u64): void {
  addIdentifier(TRANSFER_IN, meeting, BOOTSTRAP_ADDRESS);
  members.add(addressAt(slot), hostBytes(slot));
  members.addByte(COLON);
  members.addInteger(meetingPortOf(slot));
  members.addText(ENGINE);
  members.add(engineAt(slot), engineBytesOf(slot));
  members.addText(END);
}

/** The host is that of a socket: an IPv6 address without its brackets. */
function addPrefiller(slot: u32, meeting: u64): void {
  const isBracketed = load<u8>(addressAt(slot)) === OPENING_BRACKET;
  const bracket: u32 = isBracketed ? 1 : 0;
  addIdentifier(FROM_PREFILLER, meeting, REMOTE_HOST);
  members.add(addressAt(slot) + bracket, hostBytes(slot) - 2 * bracket);
  members.addText(REMOTE_PORT);
  members.addInteger(meetingPortOf(slot));
  members.addText(TWO_BRACES);
}

function addIdentifier(before: Text, meeting: u64, behind: Text): void {
  members.addText(before);
  members.addText(TRANSFER);
  members.addInteger(meeting);
  members.addText(behind);
}

/** An address without its port. */
function hostBytes(slot: u32): u32 {
  const at = addressAt(slot);
  let bytes = addressBytes(slot);
  while (bytes > 0 && load<u8>(at + --bytes) !== COLON);
  return bytes;
}
