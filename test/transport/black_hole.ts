import type { Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { HOST } from "./cluster_of_transports.js";

/** A TCP proxy that can stop passing bytes while every connection stays open, as a cut cable does. */
export interface BlackHole {
  readonly port: number;
  /** Swallows everything on old and new connections from now on. */
  swallow(): void;
  /** New connections pass again; old ones stay dead. */
  heal(): void;
  /** Stops reading what the target sends, so that its writes back up. */
  stall(): void;
  resume(): void;
  connections(): number;
  close(): Promise<void>;
}

export async function blackHole(targetPort: number): Promise<BlackHole> {
  const sockets = new Set<Socket>();
  const passing = new Set<Socket>();
  let swallowing = false;
  let accepted = 0;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    passing.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  };
  const server: Server = createServer((near) => {
    accepted += 1;
    keep(near);
    if (swallowing) {
      passing.delete(near);
      near.resume();
      return;
    }
    const far = connect(targetPort, HOST);
    keep(far);
    const pass = (from: Socket, to: Socket): void => {
      from.on("data", (bytes) => {
        if (passing.has(from)) to.write(bytes);
      });
      from.on("close", () => {
        if (passing.has(from)) to.destroy();
      });
    };
    pass(near, far);
    pass(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("no port");
  return {
    port: bound.port,
    swallow() {
      swallowing = true;
      passing.clear();
    },
    heal() {
      swallowing = false;
    },
    stall() {
      for (const socket of sockets) socket.pause();
    },
    resume() {
      for (const socket of sockets) socket.resume();
    },
    connections: () => accepted,
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
