import { createServer, type Server } from "node:net";
import { afterEach, expect, it } from "vitest";
import { portTaken } from "../../src/postgres/port_taken.js";

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((done) => server.close(done));
});

/** Listens there; resolves to the port. */
async function occupy(host: string): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, host, done));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

it("is taken for all addresses by who has it on loopback alone, as another Postgres of the host does", async () => {
  const port = await occupy("127.0.0.1");
  expect(await portTaken(["*"], port)).toMatch(
    new RegExp(`^port ${port} is taken at 0\\.0\\.0\\.0.*systemctl disable`),
  );
  expect(await portTaken(["127.0.0.1"], port)).toMatch(/is taken at 127\.0\.0\.1/);
});

it("is free again once nobody listens there, and the question itself leaves nothing behind", async () => {
  const port = await occupy("127.0.0.1");
  for (const server of servers.splice(0)) await new Promise((done) => server.close(done));
  expect(await portTaken(["*"], port)).toBeNull();
  expect(await portTaken(["*"], port)).toBeNull();
});

it("leaves it to Postgres to say that an address is none of this host's", async () => {
  expect(await portTaken(["192.0.2.1"], 5432)).toBeNull();
});
