import { createServer as createHttp2Server } from "node:http2";
import type { Socket } from "node:net";
import { createServer, type PeerCertificate, type Server, type TLSSocket } from "node:tls";
import { type ConnectionInjector, status } from "@grpc/grpc-js";
import { notOfCluster } from "../tls/identity.js";
import type { TlsSource } from "../tls/reloaded.js";
import { contextOptions, verdictOn } from "./tls.js";

export interface TlsListenerOptions {
  readonly self: string;
  readonly cluster: string;
  readonly source: TlsSource;
  /** Who gets the connections that are let in. */
  readonly injector: ConnectionInjector;
  /** Why somebody was not let in; each time. */
  readonly refused: (address: string, reason: string) => void;
}

const HANDSHAKE_MS = 5_000;
/** How long one that is refused may take to hear why. */
const REFUSAL_MS = 1_000;

/**
 * Listens in the place of the gRPC library, which would not say why a client was refused, to nobody. Whoever has no
 * certificate that is good here gets no further than to one fixed answer: the reason.
 */
export class TlsListener {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  constructor(private readonly options: TlsListenerOptions) {
    const { source } = options;
    this.server = createServer({
      ...contextOptions(source.current()),
      requestCert: true,
      // Judged by `welcome`, the first to see the connection: Node itself would cut it without a word.
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
      handshakeTimeout: HANDSHAKE_MS,
      noDelay: true,
    });
    source.changed(() => this.server.setSecureContext(contextOptions(source.current())));
    this.server.on("connection", (socket: Socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
    });
    this.server.on("secureConnection", (socket) => this.welcome(socket));
    this.server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => this.failed(error, socket));
  }

  /** Resolves with the port, which is the given one unless that is 0. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(port, host, () => {
        this.server.off("error", reject);
        // Too many open files, for one: the next connection may be taken in again.
        this.server.on("error", ({ message }) => this.options.refused("somebody", `no connection: ${message}`));
        const bound = this.server.address();
        resolve(typeof bound === "object" && bound !== null ? bound.port : port);
      });
    });
  }

  /** Takes in nobody any more; those who are in belong to the gRPC server, which ends them with a word. */
  close(): void {
    this.server.close();
  }

  /** Ends whatever is left, and those who are in the middle of a handshake. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private welcome(socket: TLSSocket): void {
    // An error without a listener would end the process.
    socket.on("error", () => {});
    const reason = this.judge(socket);
    if (reason === undefined) this.options.injector.injectConnection(socket);
    else this.refuse(socket, reason);
  }

  private judge(socket: TLSSocket): string | undefined {
    // Null, whatever its type says, when the connection is gone already.
    const shown: Partial<PeerCertificate> | null = socket.getPeerCertificate();
    const { subjectaltname, raw } = shown ?? {};
    if (raw === undefined) return "it shows no certificate; set `tls` in its configuration too";
    if (!socket.authorized) {
      const code = String(socket.authorizationError);
      return `its certificate ${verdictOn(code) ?? `is not accepted (${code})`}`;
    }
    const stranger = notOfCluster(subjectaltname, this.options.cluster);
    return stranger === undefined ? undefined : `its certificate ${stranger}`;
  }

  /** One answer to whatever is asked, with headers alone, as gRPC has it. */
  private refuse(socket: TLSSocket, reason: string): void {
    this.options.refused(socket.remoteAddress ?? "an unknown address", reason);
    const cut = setTimeout(() => socket.destroy(), REFUSAL_MS).unref();
    socket.on("close", () => clearTimeout(cut));
    const answers = createHttp2Server();
    answers.on("sessionError", () => socket.destroy());
    answers.on("stream", (stream) => {
      stream.on("error", () => socket.destroy());
      stream.respond(
        {
          ":status": 200,
          "content-type": "application/grpc+proto",
          "grpc-status": String(status.UNAUTHENTICATED),
          "grpc-message": percentEncoded(`${this.options.self} refuses this end: ${reason}`),
        },
        { endStream: true },
      );
    });
    answers.emit("connection", socket);
  }

  private failed(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    // Whoever connects and leaves again, as a check of the port does, was not refused.
    if (error.code === "ECONNRESET" || error.code === "EPIPE") return;
    const reason =
      error.code === "ERR_SSL_WRONG_VERSION_NUMBER" || error.code === "ERR_SSL_HTTP_REQUEST"
        ? "it speaks no TLS; set `tls` in its configuration too"
        : `the TLS handshake failed (${error.code ?? error.message})`;
    this.options.refused(socket.remoteAddress ?? "an unknown address", reason);
    socket.destroy();
  }
}

function percentEncoded(text: string): string {
  return text.replace(/[^\x20-\x24\x26-\x7e]/gu, (letter) => encodeURIComponent(letter));
}
