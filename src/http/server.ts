/**
 * The HTTP server: bounds on what clients may cost, and nothing else. A client that is slow, says nothing, or keeps its
 * connection for ever is sent away; when all places are taken, those that wait between two requests go first.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Answer, Request } from "./routes.js";

export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  readonly answer: (request: Request) => Promise<Answer>;
  readonly log: { readonly warn: (text: string) => void; readonly info: (text: string) => void };
  readonly limits?: Partial<HttpLimits>;
}

export interface HttpLimits {
  readonly connectionsMax: number;
  /** A request's head must have come by then, and all of it; all in ms. */
  readonly requestMs: number;
  /** How long a connection may wait between two requests. */
  readonly idleMs: number;
  /** How long a client may take none of its answer. */
  readonly stallMs: number;
  /** How late the two above may be noticed. */
  readonly checkEveryMs: number;
  readonly requestsPerConnection: number;
  /** Another try at a port that somebody else has. */
  readonly listenAgainMs: number;
}

/** Probes of some ten proxies and two Prometheus servers need a few dozen connections. */
export const HTTP_LIMITS: HttpLimits = {
  connectionsMax: 128,
  requestMs: 5000,
  idleMs: 5000,
  stallMs: 10_000,
  checkEveryMs: 2000,
  requestsPerConnection: 100,
  listenAgainMs: 5000,
};

/** Request line and headers together; a health check has some 200 bytes. */
const HEAD_BYTES_MAX = 8192;

export class HttpServer {
  private readonly options: HttpServerOptions;
  private readonly limits: HttpLimits;
  private readonly server: Server;
  private again: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(options: HttpServerOptions) {
    this.options = options;
    this.limits = { ...HTTP_LIMITS, ...options.limits };
    const { requestMs, checkEveryMs } = this.limits;
    this.server = createServer(
      {
        maxHeaderSize: HEAD_BYTES_MAX,
        headersTimeout: requestMs,
        requestTimeout: requestMs,
        keepAliveTimeout: this.limits.idleMs,
        connectionsCheckingInterval: checkEveryMs,
      },
      (request, response) => void this.serve(request, response),
    );
    this.server.maxConnections = this.limits.connectionsMax;
    this.server.maxRequestsPerSocket = this.limits.requestsPerConnection;
    this.server.setTimeout(this.limits.stallMs, (socket: Socket) => socket.destroy());
    // A place for the next one: who was turned away asks again soon.
    this.server.on("drop", () => this.server.closeIdleConnections());
    this.server.on("clientError", (_error, socket) => socket.destroy());
    // No more descriptors, for example: without a listener it would end the sidecar, and with it Postgres.
    this.server.on("error", (error) => {
      if (this.server.listening) options.log.warn(`HTTP: a connection could not be taken: ${error.message}`);
    });
  }

  /** Null while it does not listen. */
  get port(): number | null {
    const address = this.server.address();
    return typeof address === "object" ? (address?.port ?? null) : null;
  }

  /**
   * Resolves when the first try is over, whether it listens or not: a port that somebody else has is no reason to stop a
   * database. It is said, and tried again.
   */
  async start(): Promise<void> {
    if (this.closed) return;
    const { host, port, log } = this.options;
    const fault = await this.listen();
    if (fault === null) {
      if (this.again !== null) log.info(`HTTP is served on ${host} port ${this.port} now`);
      this.again = null;
      return;
    }
    if (this.again === null)
      log.warn(
        `no HTTP on ${host} port ${port}: ${fault}; free the port or set http.port. It is tried again and again`,
      );
    this.again = setTimeout(() => void this.start(), this.limits.listenAgainMs).unref();
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.again !== null) clearTimeout(this.again);
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  private listen(): Promise<string | null> {
    return new Promise((resolve) => {
      const refused = (error: Error) => resolve(error.message);
      this.server.once("error", refused);
      this.server.listen({ host: this.options.host, port: this.options.port }, () => {
        this.server.off("error", refused);
        resolve(null);
      });
    });
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? "";
    // Nothing that is asked for has a body.
    request.resume();
    let found: Answer;
    try {
      found = await this.options.answer({ method, url: request.url ?? "/", accept: request.headers.accept ?? "" });
    } catch (error) {
      this.options.log.warn(`${method} ${request.url} could not be answered: ${String(error)}`);
      found = { status: 500, type: "text/plain; charset=utf-8", body: "this is a mistake of Quorate's; see its log\n" };
    }
    const bare = method === "HEAD" || method === "OPTIONS";
    response.writeHead(found.status, {
      "content-type": found.type,
      "content-length": bare ? 0 : Buffer.byteLength(found.body),
      "cache-control": "no-store",
      ...found.headers,
      // A method that is not ours may come with a body of any length: it is not waited for.
      ...(found.status === 405 ? { allow: "GET, HEAD, OPTIONS", connection: "close" } : {}),
    });
    response.end(bare ? "" : found.body);
  }
}
