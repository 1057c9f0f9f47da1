import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { certificateFiles, readCertificate, Tls } from "../../../control-plane/http/tls.ts";
import { readOptions } from "../../../control-plane/options.ts";
import { checkFiles } from "../../../control-plane/watched-files.ts";
import { Authority } from "../../support/certificates.ts";
import { temporaryFolder } from "../../support/components.ts";

const authority = new Authority("ours");
const [issued, other] = [authority.issue("control-plane"), authority.issue("control-plane")];
const folder = temporaryFolder();
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

it("a certificate without its key, or a key without its certificate, is refused by its flag", () => {
  expect(() => certificateFiles({ tlsCert: "a.crt" })).toThrow(/--tls-cert is "a.crt".*--tls-key/);
  expect(() => certificateFiles({ tlsKey: "a.key" })).toThrow(/--tls-key is "a.key".*--tls-cert/);
  expect(certificateFiles({})).toBeUndefined();
});

it("files that do not belong together are refused by flag and path, and none of their text is told", () => {
  const read = (cert: string, key: string) => () => readCertificate({ cert, key });
  expect(read(issued.certPath, issued.keyPath)()).toEqual({ cert: issued.cert, key: issued.key });
  expect(read(issued.certPath, other.keyPath)).toThrow(
    `${issued.certPath} (--tls-cert) and ${other.keyPath} (--tls-key): `,
  );
  const odd = file("odd.key", "-----BEGIN secret");
  expect(read(issued.certPath, odd)).toThrow(/TLS_INVALID|both as PEM/);
  expect(read(issued.certPath, odd)).not.toThrow(/secret/);
  expect(read(join(folder, "none"), issued.keyPath)).toThrow(`Cannot read ${folder}/none`);
});

it("--check reads certificate and key", async () => {
  const words = ["--token-file", file("token", "secret"), "--tls-cert", issued.certPath, "--check"];
  await checkFiles(readOptions([...words, "--tls-key", issued.keyPath]));
  const mixed = checkFiles(readOptions([...words, "--tls-key", other.keyPath]));
  await expect(mixed).rejects.toThrow(/--tls-key/);
});

it("the same certificate once more is no news", () => {
  const tls = new Tls(issued);
  expect(tls.replace({ cert: issued.cert, key: issued.key })).toBe(false);
  expect(tls.replace(other)).toBe(true);
  expect(tls.certificate.cert).toBe(other.cert);
});
