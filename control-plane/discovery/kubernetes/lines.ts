// The lines of a stream of bytes: a watch is one JSON text a line.

/** An object of Kubernetes is at most 1.5 MiB in etcd; a line that never ends is no watch. */
const LINE_CHARACTERS_MAX = 16 * 1024 * 1024;

/** Yields whole lines, without their ends. What follows the last line end is cut off, and dropped. */
export async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    if (rest.length > LINE_CHARACTERS_MAX) throw new Error("a line of the watch never ends");
    for (const part of parts) if (part !== "") yield part;
  }
}
