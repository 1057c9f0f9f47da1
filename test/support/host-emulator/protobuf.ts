/** SetEnvoyFilterStateArguments: field 1 path, field 2 value, field 3 life span. */
export interface FilterStateArguments {
  path: string;
  value: string;
  span: number;
}

const VARINT = 0;
const BYTES = 2;

/**
 * Reads a message `SetEnvoyFilterStateArguments`
 * (envoy: source/extensions/common/wasm/ext/set_envoy_filter_state.proto), strictly: a field it
 * does not have, or a length past the end, makes it undefined.
 */
export function readFilterState(message: Uint8Array): FilterStateArguments | undefined {
  const read: FilterStateArguments = { path: "", value: "", span: 0 };
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 32; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) {
        return Number.NaN;
      }
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        return value;
      }
    }
    return Number.NaN;
  };
  while (at < bytes.length) {
    const tag = varint();
    const field = tag >> 3;
    const number = varint();
    if (Number.isNaN(number)) {
      return undefined;
    }
    if ((tag & 7) === VARINT && field === 3) {
      read.span = number;
    } else if ((tag & 7) === BYTES && (field === 1 || field === 2) && at + number <= bytes.length) {
      read[field === 1 ? "path" : "value"] = bytes.toString("utf8", at, at + number);
      at += number;
    } else {
      return undefined;
    }
  }
  return read;
}
