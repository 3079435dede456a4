import { createServer, type ListenOptions } from "node:net";
import { hasCode } from "./durable_files.js";

/** What `listen_addresses = '*'` stands for: Postgres is content if it gets one of the two, and clients of the other find nobody. */
const ALL: readonly ListenOptions[] = [{ host: "0.0.0.0" }, { host: "::", ipv6Only: true }];

/**
 * Why Postgres could not listen on all of these addresses, null if it could. Asked before each start: Postgres goes on
 * with the addresses that it gets, and a leader that only some can reach helps nobody.
 */
export async function portTaken(addresses: readonly string[], port: number): Promise<string | null> {
  for (const address of addresses) {
    const places: readonly ListenOptions[] = address === "*" ? ALL : [{ host: address }];
    for (const place of places) if (await isTaken({ ...place, port })) return taken(port, place.host ?? address);
  }
  return null;
}

function taken(port: number, host: string): string {
  return (
    `port ${port} is taken at ${host}, or a part of it: something else listens there (ss -ltnp 'sport = :${port}'), ` +
    "perhaps the distribution's own Postgres: systemctl disable --now postgresql; or set another postgres.port"
  );
}

/** Bound for a moment, as the one way to know. What else may be wrong with an address, Postgres says itself. */
function isTaken(place: ListenOptions): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error) => resolve(hasCode(error, "EADDRINUSE")));
    server.listen({ ...place, exclusive: true }, () => server.close(() => resolve(false)));
  });
}
