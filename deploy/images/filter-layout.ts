// The filter as an OCI image, in a folder that registry tools push as it is: what `oci://` of a
// WasmPlugin or of an EnvoyExtensionPolicy leads to. From the project's folder:
//   npm run build && npm run build:oci
//   oras cp --from-oci-layout build/oci:0.1.0 registry.example/hintway-filter:0.1.0

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { projectPath } from "../../start/project.ts";

/**
 * Of the "compat" variant of Wasm images: an ordinary image whose last layer holds one file of this
 * name. https://github.com/solo-io/wasm/blob/master/spec/spec-compat.md
 */
const FILE = "plugin.wasm";

const MEDIA = "application/vnd.oci.image";

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

/** Every file of the layout, by its path in it. The same filter gives the same bytes. */
export function filterLayout(filter: Uint8Array, tag: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const add = (mediaType: string, content: Uint8Array): Descriptor => {
    const digest = sha256(content);
    files.set(`blobs/${digest.replace(":", "/")}`, content);
    return { mediaType, digest, size: content.length };
  };
  const archive = tar(FILE, filter);
  const layer = add(`${MEDIA}.layer.v1.tar+gzip`, gzipSync(archive, { level: 9 }));
  const config = add(
    `${MEDIA}.config.v1+json`,
    json({
      // Registries ask for a platform; the filter has none.
      ...{ architecture: "amd64", os: "linux", config: {} },
      rootfs: { type: "layers", diff_ids: [sha256(archive)] },
    }),
  );
  const manifest = add(
    `${MEDIA}.manifest.v1+json`,
    json({ schemaVersion: 2, mediaType: `${MEDIA}.manifest.v1+json`, config, layers: [layer] }),
  );
  const named = { ...manifest, annotations: { "org.opencontainers.image.ref.name": tag } };
  files.set(
    "index.json",
    json({ schemaVersion: 2, mediaType: `${MEDIA}.index.v1+json`, manifests: [named] }),
  );
  files.set("oci-layout", json({ imageLayoutVersion: "1.0.0" }));
  return files;
}

function sha256(content: Uint8Array): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

function json(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

const BLOCK_BYTES = 512;

/**
 * An archive of one file, as POSIX.1-1988 (ustar) lays it out:
 *
 *     0      100   108  116  124   136   148       156   257    263   265
 *     ┌──────┬─────┬────┬────┬─────┬─────┬─────────┬─────┬──────┬─────┬────
 *     │ name │mode │user│group│size│time │ checksum│type │ustar │ 00  │ …
 *     └──────┴─────┴────┴────┴─────┴─────┴─────────┴─────┴──────┴─────┴────
 */
function tar(name: string, content: Uint8Array): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  header.write(name, 0, 100);
  header.write(octal(0o644, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(content.length, 11), 124);
  header.write(octal(0, 11), 136);
  header.write("0", 156);
  header.write("ustar\u000000", 257);
  // The sum is of the header with spaces in the sum's own place.
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\u0000 `, 148);
  const padding = (BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES;
  return Buffer.concat([header, content, Buffer.alloc(padding + 2 * BLOCK_BYTES)]);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}

if (import.meta.main) {
  const { version } = JSON.parse(readFileSync(projectPath("package.json"), "utf8"));
  const folder = projectPath("build", "oci");
  rmSync(folder, { recursive: true, force: true });
  const filter = readFileSync(projectPath("build", "filter.wasm"));
  for (const [path, content] of filterLayout(filter, version)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}
