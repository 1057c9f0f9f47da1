import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { afterEach, expect, it } from "vitest";
import { makeCertificate } from "../../support/certificate.ts";
import { describeWithValkey } from "../../support/valkey/valkey.ts";
import { startingEach } from "../hints/started.ts";
import { heard, sharing, together } from "./sharing.ts";

const { start } = startingEach();

const running: { stop(): void }[] = [];
afterEach(() => {
  for (const one of running.splice(0)) one.stop();
});

/** Ends TLS before a server: the Valkey of tests is built without it. Answers its port. */
async function endTls(port: number, files: { key: string; certificate: string }): Promise<number> {
  const [key, cert] = [readFileSync(files.key), readFileSync(files.certificate)];
  const sockets = new Set<TLSSocket>();
  const server = createServer({ key, cert }, (socket) => {
    sockets.add(socket);
    const inner = connect(port, "127.0.0.1");
    socket.pipe(inner).pipe(socket);
    for (const one of [socket, inner]) one.on("error", () => {});
    socket.on("close", () => inner.destroy());
    inner.on("close", () => socket.destroy());
  }).listen(0, "127.0.0.1");
  running.push({
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

describeWithValkey("a store behind TLS", (binary) => {
  const { startValkey } = sharing(start, binary);

  it("is shared by replicas that trust its certificate, with user and password", async () => {
    const valkey = await startValkey([], "s3/cret");
    const files = makeCertificate();
    const port = await endTls(valkey.port, files);
    const url = `rediss://:${encodeURIComponent("s3/cret")}@127.0.0.1:${port}`;
    const state = { url, prefix: "test", ca: files.certificate };
    const first = await start({ state });
    const second = await start({ engines: 0, state });
    second.list(first.listed());
    await together(first, second);
    await heard(first, second);
    expect(first.controlPlane.replicas?.status.state).toBe(`rediss://127.0.0.1:${port}`);
  });

  it("is not trusted without that, and said to be lost with the reason", async () => {
    const valkey = await startValkey();
    const port = await endTls(valkey.port, makeCertificate());
    const url = `rediss://127.0.0.1:${port}`;
    const others = makeCertificate().certificate;
    const lines: string[] = [];
    for (const ca of [undefined, others]) {
      const one = await start({ engines: 0, state: { url, prefix: "test", ca } });
      one.controlPlane.log = { info() {}, warn: (_, message) => lines.push(message) };
      await expect.poll(() => lines.at(-1), { timeout: 5_000 }).toMatch(/--state.*certificate/);
      expect(one.controlPlane.replicas?.status.isConnected).toBe(false);
      lines.length = 0;
    }
  });
});
