import { connect, createServer as createTcpServer, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { Answer, Request } from "../../src/http/routes.js";
import { type HttpLimits, HttpServer } from "../../src/http/server.js";

const HOST = "127.0.0.1";
const DEADLINE_MS = 5000;
const QUICK: Partial<HttpLimits> = { requestMs: 200, idleMs: 300, stallMs: 300, checkEveryMs: 20, listenAgainMs: 20 };

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

const OK: Answer = { status: 200, type: "application/json", body: '{"a":1}' };

function serverOf(answer: (request: Request) => Promise<Answer> = () => Promise.resolve(OK), limits = QUICK, port = 0) {
  const said: string[] = [];
  const say = (text: string) => void said.push(text);
  const server = new HttpServer({ host: HOST, port, answer, limits, log: { warn: say, info: say } });
  open.push(server);
  return { server, said };
}

async function started(answer?: (request: Request) => Promise<Answer>, limits?: Partial<HttpLimits>) {
  const { server, said } = serverOf(answer, limits);
  await server.start();
  return { port: server.port ?? 0, said };
}

/** A client made of bytes: what it was sent, and whether it was sent away. */
function client(port: number): { socket: Socket; text: () => string; closed: Promise<void> } {
  const socket = connect({ host: HOST, port });
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString();
  });
  // Being sent away may well be a reset.
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  open.push({ close: () => socket.destroy() });
  return { socket, text: () => text, closed };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${DEADLINE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function within<T>(what: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what}: not within ${DEADLINE_MS} ms`)), DEADLINE_MS);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** What HAProxy's `option httpchk METHOD /path` sends by default, and what `http-check expect status 200` looks at. */
async function check(port: number, line: string): Promise<string> {
  const { socket, text, closed } = client(port);
  socket.write(`${line} HTTP/1.0\r\n\r\n`);
  await within("the answer to a check", closed);
  return text().split("\r\n")[0] ?? "";
}

describe("the HTTP server", () => {
  test("answers HAProxy's checks, byte for byte as it sends them", async () => {
    const seen: Request[] = [];
    const { port } = await started((request) => {
      seen.push(request);
      return Promise.resolve({ ...OK, status: request.url === "/primary" ? 200 : 503 });
    });
    expect(await check(port, "OPTIONS /primary")).toBe("HTTP/1.1 200 OK");
    expect(await check(port, "OPTIONS /replica")).toBe("HTTP/1.1 503 Service Unavailable");
    expect(await check(port, "HEAD /primary")).toBe("HTTP/1.1 200 OK");
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      ...["OPTIONS /primary", "OPTIONS /replica", "HEAD /primary"],
    ]);
  });

  test("HEAD and OPTIONS get no body, and the connection is good for another request", async () => {
    const { port } = await started();
    const { socket, text } = client(port);
    socket.write(
      "OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    await until("three answers", () => text().includes('{"a":1}'));
    expect(text().match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3);
    expect(text().match(/content-length: 0/g)).toHaveLength(2);
    expect(text().match(/\{"a":1\}/g)).toHaveLength(1);
  });

  test("a client that says nothing, or never ends its headers, is sent away", async () => {
    const { port } = await started();
    const mute = client(port);
    const slow = client(port);
    slow.socket.write("GET / HTTP/1.1\r\nHost: x\r\n");
    const drip = setInterval(() => slow.socket.write("X-A: b\r\n"), 10);
    open.push({ close: () => clearInterval(drip) });
    await within("the mute one", mute.closed);
    await within("the slow one", slow.closed);
    expect(slow.text()).not.toContain("200 OK");
  });

  test("a kept connection ends when it idles, and after so many requests", async () => {
    const { port } = await started(undefined, { ...QUICK, requestsPerConnection: 2 });
    const idle = client(port);
    idle.socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await within("the idle one", idle.closed);
    expect(idle.text()).toContain("200 OK");
    const busy = client(port);
    for (let i = 0; i < 5; i++) busy.socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await within("the busy one", busy.closed);
    expect(busy.text().match(/200 OK/g)).toHaveLength(2);
  });

  test("a client that takes none of its answer is sent away", async () => {
    const big = { ...OK, body: "x".repeat(64 * 1024 * 1024) };
    const { port } = await started(() => Promise.resolve(big));
    const lazy = client(port);
    lazy.socket.pause();
    lazy.socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await until("the server to have closed it", () => {
      lazy.socket.write("x");
      return lazy.socket.destroyed;
    });
  });

  test("when all places are taken, those that wait between two requests make room for a check", async () => {
    const { port } = await started(undefined, { connectionsMax: 3, idleMs: 60_000, stallMs: 60_000 });
    const kept = [client(port), client(port), client(port)];
    for (const { socket } of kept) socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    for (const { text } of kept) await until("an answer", () => text().includes("200 OK"));
    // The one that finds no place is turned away; who asks again is answered.
    expect(await check(port, "OPTIONS /primary")).toBe("");
    await within("the idle ones", Promise.all(kept.map(({ closed }) => closed)));
    expect(await check(port, "OPTIONS /primary")).toBe("HTTP/1.1 200 OK");
  });

  test("headers without end, and what is no HTTP, are refused", async () => {
    const { port } = await started();
    const huge = client(port);
    huge.socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(20_000)}\r\n\r\n`);
    const junk = client(port);
    junk.socket.write("\u0016\u0003\u0001 no http\r\n\r\n");
    await within("both", Promise.all([huge.closed, junk.closed]));
    expect(huge.text() + junk.text()).not.toContain("200");
    expect(await check(port, "HEAD /")).toBe("HTTP/1.1 200 OK");
  });

  test("a mistake of ours is a 500 and a line in the log, and the next request is answered", async () => {
    let times = 0;
    const { port, said } = await started(() =>
      times++ === 0 ? Promise.reject(new Error("planted")) : Promise.resolve(OK),
    );
    expect(await check(port, "GET /")).toBe("HTTP/1.1 500 Internal Server Error");
    expect(said).toEqual([expect.stringContaining("planted")]);
    expect(await check(port, "GET /")).toBe("HTTP/1.1 200 OK");
  });

  test("a connection that the system cannot hand over is said, and ends nothing", async () => {
    const { server, said } = serverOf();
    await server.start();
    const { server: inner } = server as unknown as { server: { emit(name: string, error: Error): boolean } };
    expect(inner.emit("error", new Error("accept EMFILE"))).toBe(true);
    expect(said).toEqual([expect.stringContaining("accept EMFILE")]);
    expect(await check(server.port ?? 0, "HEAD /")).toBe("HTTP/1.1 200 OK");
  });

  test("a port that somebody else has is said once and served as soon as it is free", async () => {
    const other = createTcpServer();
    await new Promise<void>((resolve) => other.listen({ host: HOST, port: 0 }, resolve));
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { server, said } = serverOf(undefined, QUICK, port);
    await server.start();
    expect(server.port).toBeNull();
    expect(said).toEqual([expect.stringMatching(/no HTTP on 127.0.0.1 port \d+: .*EADDRINUSE/)]);
    await new Promise<void>((resolve) => other.close(() => resolve()));
    await until("it to listen", () => server.port === port);
    expect(await check(port, "HEAD /")).toBe("HTTP/1.1 200 OK");
    expect(said).toHaveLength(2);
  });
});
