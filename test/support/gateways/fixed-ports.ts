// Ports that a program listens on whatever it is told.

import { once } from "node:events";
import { createServer } from "node:net";

/** Throws where one is taken, before the program says so in words of its own, or another answers for it. */
export async function requireFixedPorts(program: string, ports: number[]): Promise<void> {
  for (const port of ports) {
    const server = createServer();
    server.listen(port);
    await once(server, "listening").catch((cause) => {
      const which = `port ${port}, and no setting changes that`;
      throw new Error(`${program} listens on ${which}: stop what has taken it`, { cause });
    });
    await new Promise((resolve) => server.close(resolve));
  }
}
