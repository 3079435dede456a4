/**
 * Health endpoints by the names that HAProxy and Patroni users have in their configurations, with Patroni's codes: 200 or
 * 503, never 404. https://patroni.readthedocs.io/en/latest/rest_api.html
 */
import { parseLsn } from "../core/log/lsn.js";
import type { Own, View } from "./view.js";

/** Patroni's `maximum_lag_on_failover`, its default for `/readiness`, in bytes. */
const READINESS_LAG_BYTES = 1_048_576;

/** Whether clients that write may be sent here now. */
export function servesWrites(own: Own): boolean {
  return own.leads && own.alive && own.doorOpen;
}

/** Whether clients that only read may be sent here now, whatever it lacks of the leader's log. */
export function servesReads(own: Own): boolean {
  return own.standby && own.alive && own.doorOpen;
}

/** Whether its acknowledgements count for the policy in force. */
export function isListed({ own, cluster }: View): boolean {
  const { ruleset, nodes } = cluster();
  const node = nodes.find(({ id }) => id === own.id);
  return own.status.streaming && node?.voter === true && ruleset?.cohort.includes(own.id) === true;
}

/**
 * Whether a health check's path is answered with 200. Like Patroni it looks for words in the path, so that `/replica/` or a
 * prefix of a proxy's do as well.
 */
export function isHealthy(path: string, query: URLSearchParams, view: View): boolean {
  const { own } = view;
  const is = (...words: readonly string[]) => words.some((word) => path.includes(word));
  // There is no cluster that follows another one.
  if (is("standby-leader", "standby_leader")) return false;
  if (is("leader")) return own.leads;
  if (path === "/" || is("master", "primary", "read-write")) return servesWrites(own);
  if (is("liveness")) return true;
  if (is("readiness")) return isReady(query, view);
  const tagged = () => hasTags(query, own);
  const replica = () => servesReads(own) && tagged() && isCloseEnough(query, view);
  if (is("replica")) return replica();
  if (is("read-only-sync", "read-only-quorum")) return (servesWrites(own) && tagged()) || (replica() && isListed(view));
  if (is("read-only")) return (servesWrites(own) && tagged()) || replica();
  if (is("health")) return own.alive;
  if (is("async")) return replica() && !isListed(view);
  if (is("sync", "quorum")) return replica() && isListed(view);
  return false;
}

function isReady(query: URLSearchParams, view: View): boolean {
  if (servesWrites(view.own)) return true;
  if (!servesReads(view.own) || !view.own.status.streaming) return false;
  const limit = query.has("lag") ? bytesOf(query.get("lag") ?? "") : READINESS_LAG_BYTES;
  return limit !== null && isWithin(limit, query.get("mode") === "write" ? "write" : "apply", view);
}

/** `?lag=` and `?replication_state=`, as Patroni's `/replica` has them. */
function isCloseEnough(query: URLSearchParams, view: View): boolean {
  const wanted = query.get("replication_state");
  if (wanted !== null && (wanted !== "streaming" || !view.own.status.streaming)) return false;
  const lag = query.get("lag");
  if (lag === null) return true;
  const limit = bytesOf(lag);
  return limit !== null && isWithin(limit, "apply", view);
}

/** Without a leader that is heard nobody knows what this node lacks: a bound that was asked for is then not kept. */
function isWithin(limitBytes: number, mode: "write" | "apply", view: View): boolean {
  const { leader, nodes } = view.cluster();
  const self = nodes.find(({ id }) => id === view.own.id);
  const from = nodes.find(({ id }) => id === leader)?.flush_lsn ?? null;
  const to = mode === "write" ? self?.flush_lsn : self?.replay_lsn;
  if (from === null || to === null || to === undefined) return false;
  return parseLsn(from) - parseLsn(to) <= BigInt(limitBytes);
}

const UNITS: Readonly<Record<string, number>> = { "": 1, B: 1, kB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30, TB: 2 ** 40 };

/** A size as Postgres writes it: a number of bytes, or with a unit; null if it is none. */
export function bytesOf(text: string): number | null {
  const [, digits, unit = ""] = /^\s*(\d{1,15})\s*([a-zA-Z]{0,2})\s*$/.exec(text) ?? [];
  const factor = UNITS[unit];
  return digits === undefined || factor === undefined
    ? null
    : Math.min(Number(digits) * factor, Number.MAX_SAFE_INTEGER);
}

/** `?tag_zone=a`: a label of this node, which is missing or differs. */
function hasTags(query: URLSearchParams, { status }: Own): boolean {
  const tags = [...query].filter(([name]) => name.startsWith("tag_"));
  return tags.every(([name, value]) => status.facts.labels[name.slice("tag_".length)] === value);
}
