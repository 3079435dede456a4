/** One request to one answer, without a socket. */
import { isHealthy } from "./health.js";
import { PAGE_HEADERS, pageOf } from "./page.js";
import { clusterBody, historyBody, memberBody, type PatroniOptions, type TermBegun } from "./patroni.js";
import type { Look, StatusSource } from "./view.js";

export interface Request {
  readonly method: string;
  /** Path and query, as in the request line. */
  readonly url: string;
  /** The header `Accept`; absent if there is none. */
  readonly accept?: string;
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RouteOptions extends PatroniOptions {
  readonly source: StatusSource;
  /** What the table of rulesets says of each term's beginning; empty if it cannot be asked now. */
  readonly termsBegun: () => Promise<readonly TermBegun[]>;
  /** Text for Prometheus, with the names of another system if asked for. */
  readonly metrics: (look: Look, compat: "patroni" | null) => Promise<{ readonly type: string; readonly body: string }>;
}

const OK = 200;
const UNAVAILABLE = 503;
const METHODS = ["GET", "HEAD", "OPTIONS"];

/** HEAD and OPTIONS get the status of GET; that they get no body is the server's to see to. */
export async function answer({ method, url, accept }: Request, options: RouteOptions): Promise<Answer> {
  if (!METHODS.includes(method))
    return json(405, { error: `${method} is not in this version: this endpoint only answers` });
  const [path = "", search = ""] = url.split("?", 2);
  const query = new URLSearchParams(search);
  const [first = ""] = path.replace(/^\/+/, "").split("/");
  const look = await options.source.look();
  if (first === "metrics") {
    const { type, body } = await options.metrics(look, query.get("compat") === "patroni" ? "patroni" : null);
    return { status: OK, type, body };
  }
  if (first === "ui") return page(OK, look, options);
  // A browser at `/` gets the page with the code of the health check: a probe may well send a browser's `Accept`.
  if (path === "/" && wantsPage(accept)) {
    const healthy = look.kind === "seen" && isHealthy(path, query, look.view);
    return page(healthy ? OK : UNAVAILABLE, look, options);
  }
  if (look.kind === "stuck") {
    const body = { state: "unknown", error: look.reason, patroni: patroniOf(options) };
    return json(first === "patroni" ? OK : UNAVAILABLE, body);
  }
  const { view } = look;
  switch (first) {
    case "patroni":
      return json(OK, memberBody(view, options));
    case "cluster":
      return json(OK, clusterBody(view, options));
    case "history":
      return json(OK, historyBody(view.own.history, await options.termsBegun()));
    default:
      return json(isHealthy(path, query, view) ? OK : UNAVAILABLE, method === "GET" ? memberBody(view, options) : {});
  }
}

/** A browser names HTML first; a program names what it can read, or takes anything. */
function wantsPage(accept = ""): boolean {
  return accept.trimStart().toLowerCase().startsWith("text/html");
}

function page(status: number, look: Look, options: RouteOptions): Answer {
  return { status, type: "text/html; charset=utf-8", body: pageOf(look, options), headers: PAGE_HEADERS };
}

function patroniOf({ version, cluster, self }: RouteOptions): object {
  return { version, scope: cluster, name: self };
}

function json(status: number, body: unknown): Answer {
  return { status, type: "application/json", body: JSON.stringify(body) };
}
