import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";

const HOST = "127.0.0.1";
const LOWEST = 10_240;
const EPHEMERAL_DEFAULT = 32_768;
const TRIES_PER_PORT = 100;

/**
 * Ports of loopback that nobody listens on. Below the range from which the system numbers outgoing connections: a
 * client that keeps knocking at a dead Postgres would else, once in some ten thousand tries, be connected to itself
 * and hold the very port that Postgres needs to come back.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const highest = await lowestEphemeral();
  const held: { readonly port: number; readonly server: Server }[] = [];
  try {
    for (let tries = 0; held.length < count; tries++) {
      if (tries > count * TRIES_PER_PORT)
        throw new Error(`no ${count} free ports of ${HOST} between ${LOWEST} and ${highest}; see what listens there`);
      const port = randomInt(LOWEST, highest);
      const server = await listen(port);
      if (server !== null) held.push({ port, server });
    }
    return held.map(({ port }) => port);
  } finally {
    // Held until all are found, so that none is found twice.
    await Promise.all(held.map(({ server }) => new Promise((closed) => server.close(closed))));
  }
}

async function lowestEphemeral(): Promise<number> {
  const text = await readFile("/proc/sys/net/ipv4/ip_local_port_range", "latin1").catch(() => "");
  const lowest = Number(text.trim().split(/\s+/)[0]);
  return lowest > LOWEST + 1000 ? lowest : EPHEMERAL_DEFAULT;
}

function listen(port: number): Promise<Server | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(null));
    server.listen({ host: HOST, port, exclusive: true }, () => resolve(server));
  });
}
