// What the two bodies say to each connector, so that decode gets the cache that prefill computed.
import { CONNECTOR_SHARED_STORAGE } from "../../protocol/records.ts";
import { Text } from "../host/memory.ts";
import { TextBuffer } from "../text-buffer.ts";

// All fields of a request to be read from later, as the sidecar of llm-d-router sends them
// (pkg/sidecar/proxy/connector_nixlv2.go) and vLLM's toy proxy: those that decode needs are null.
const READ_LATER = new Text(
  '"kv_transfer_params":{"do_remote_decode":true,"do_remote_prefill":false,"remote_engine_id":null,"remote_block_ids":null,"remote_host":null,"remote_port":null}',
);

const members = new TextBuffer(1024);

/** The last members of the body that prefill gets, without a comma before them. */
export function prefillMembers(connector: u32): TextBuffer {
  members.clear();
  if (connector !== CONNECTOR_SHARED_STORAGE) members.addText(READ_LATER);
  return members;
}

/** Whether decode cannot begin without what prefill has answered. */
export function needsParameters(connector: u32): bool {
  return connector !== CONNECTOR_SHARED_STORAGE;
}
