import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { filterLayout } from "../../deploy/images/filter-layout.ts";

/** Not a multiple of the archive's blocks. */
const FILTER = randomBytes(3001);

function blob(layout: Map<string, Uint8Array>, digest: string): Buffer {
  const content = layout.get(`blobs/${digest.replace(":", "/")}`);
  if (!content) throw new Error(`the layout has no ${digest}`);
  const found = createHash("sha256").update(content).digest("hex");
  expect(digest).toBe(`sha256:${found}`);
  return Buffer.from(content);
}

function object(content: Uint8Array | undefined) {
  return JSON.parse(Buffer.from(content ?? []).toString());
}

/** By Istio's rules: the manifest is not Docker's, the last layer an archive that holds the file. */
function fetched(layout: Map<string, Uint8Array>): Buffer {
  const [descriptor] = object(layout.get("index.json")).manifests;
  const manifest = object(blob(layout, descriptor.digest));
  expect(manifest.mediaType).toBe("application/vnd.oci.image.manifest.v1+json");
  const layer = manifest.layers.at(-1);
  expect(layer.mediaType).toBe("application/vnd.oci.image.layer.v1.tar+gzip");
  const compressed = blob(layout, layer.digest);
  expect(compressed.length).toBe(layer.size);
  const config = object(blob(layout, manifest.config.digest));
  const archive = gunzipSync(compressed);
  const sum = createHash("sha256").update(archive).digest("hex");
  expect(config.rootfs.diff_ids).toEqual([`sha256:${sum}`]);
  expect(execFileSync("tar", ["-t"], { input: archive }).toString()).toBe("plugin.wasm\n");
  return execFileSync("tar", ["-xO", "plugin.wasm"], { input: archive });
}

it("the filter's OCI image is unpacked to the filter by the rules of Istio's agent", () => {
  expect(fetched(filterLayout(FILTER, "1.2.3")).equals(FILTER)).toBe(true);
});

it("the filter's OCI image is the same for the same filter, and has its tag", () => {
  const [one, two] = [filterLayout(FILTER, "1.2.3"), filterLayout(FILTER, "1.2.3")];
  expect([...one]).toEqual([...two]);
  const [{ annotations }] = object(one.get("index.json")).manifests;
  expect(annotations["org.opencontainers.image.ref.name"]).toBe("1.2.3");
  expect(object(one.get("oci-layout"))).toEqual({ imageLayoutVersion: "1.0.0" });
});
