import { dirname, join, resolve } from "node:path";
import type { CountingPolicy } from "../core/ruleset/ruleset.js";
import type { TlsPaths } from "../tls/material.js";
import type { ClusterConfig, NodeConfig, RejoinConfig } from "./cluster_config.js";
import { credentials } from "./cluster_config.js";
import { DETECT_DEFAULT_MS, deriveTimings } from "./derive.js";
import { sameAddress } from "./hosts.js";
import type { FileConfig, FileNode } from "./schema.js";

export const DEFAULT_PORT = 7432;
export const DEFAULT_POSTGRES_PORT = 5432;
export const DEFAULT_HTTP_PORT = 8008;
export const DEFAULT_SUPERUSER = "postgres";
export const DEFAULT_REPLICATION_USER = "quorate_replication";
/** Most of a network of 1 Gbit/s, where what else is sent gets its share, and little of 10: 1 TB takes three hours. */
export const DEFAULT_MAX_RATE_KB = 100 * 1024;
/** One after the other the first is back sooner; but of three nodes that are founded, two clone, and nobody waits yet. */
export const DEFAULT_AT_ONCE = 2;
/** Of all that are away together, since they need the same WAL. */
export const DEFAULT_KEEP_WAL_KB = 4 * 1024 * 1024;
const DATA_ROOT = "/var/lib/quorate";

export type RoleName = "superuser" | "replication";
/** Passwords by node and role; what is not in it was not given. */
export type Passwords = ReadonlyMap<string, string>;

export function passwordKey(id: string, role: RoleName): string {
  return `${id}/${role}`;
}

/** Postgres writes booleans as on and off. */
export function settingText(value: string | number | boolean): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  return String(value);
}

/** Relative paths count from the folder of the file: the same file means the same wherever it is read from. */
export function resolvePath(file: string, path: string): string {
  return resolve(dirname(resolve(file)), path);
}

export function dataDirOf(file: string, top: FileConfig, node: FileNode, id: string): string {
  const written = node.data_dir ?? top.data_dir;
  return written === undefined ? join(DATA_ROOT, top.cluster ?? "", id) : resolvePath(file, written);
}

/** Null unless all three files are named, each inside the node or at the top. */
function tlsOf(file: string, top: FileConfig, node: FileNode): TlsPaths | null {
  const { ca, cert, key } = { ...top.tls, ...node.tls };
  if (ca === undefined || cert === undefined || key === undefined) return null;
  return { ca: resolvePath(file, ca), cert: resolvePath(file, cert), key: resolvePath(file, key) };
}

/** The file's keys, the node's over the top's, and a default for the rest. */
export function resolveNode(file: string, top: FileConfig, id: string, passwords: Passwords): NodeConfig {
  const node = top.nodes?.[id] ?? {};
  const role = (name: RoleName, fallback: string) => {
    const user = node.postgres?.[name]?.user ?? top.postgres?.[name]?.user ?? fallback;
    return credentials(user, passwords.get(passwordKey(id, name)) ?? null);
  };
  const settings = Object.entries({ ...top.postgres?.settings, ...node.postgres?.settings });
  return {
    id,
    host: node.host ?? "",
    port: node.port ?? top.port ?? DEFAULT_PORT,
    data_dir: dataDirOf(file, top, node, id),
    labels: node.labels ?? {},
    postgres: {
      port: node.postgres?.port ?? top.postgres?.port ?? DEFAULT_POSTGRES_PORT,
      bin_dir: node.postgres?.bin_dir ?? top.postgres?.bin_dir ?? null,
      settings: Object.fromEntries(settings.map(([name, value]) => [name, settingText(value)])),
      hba: node.postgres?.hba ?? top.postgres?.hba ?? [],
      superuser: role("superuser", DEFAULT_SUPERUSER),
      replication: role("replication", DEFAULT_REPLICATION_USER),
    },
    http: { port: httpPort(top, id) },
    tls: tlsOf(file, top, node),
    rejoin: rejoinOf(top, node),
    timings: deriveTimings(node.timings?.detect ?? top.timings?.detect ?? DETECT_DEFAULT_MS),
    log: { level: node.log?.level ?? top.log?.level ?? "info" },
  };
}

function rejoinOf(top: FileConfig, node: FileNode): RejoinConfig {
  const { max_rate = DEFAULT_MAX_RATE_KB, at_once = DEFAULT_AT_ONCE, keep_wal } = { ...top.rejoin, ...node.rejoin };
  return { max_rate_kb_per_s: max_rate, at_once, keep_wal_kb: keep_wal ?? DEFAULT_KEEP_WAL_KB };
}

/** A default that several nodes of one address would have to share is nobody's: each would answer for the others. */
function httpPort(top: FileConfig, id: string): number | null {
  const { [id]: own, ...others } = top.nodes ?? {};
  const written = own?.http?.port ?? top.http?.port;
  if (written !== undefined) return written;
  const beside = Object.values(others).filter(({ host }) => sameAddress(host ?? "", own?.host ?? ""));
  return beside.some(({ http }) => http?.port === undefined) ? null : DEFAULT_HTTP_PORT;
}

export function resolveCluster(
  file: string,
  top: FileConfig,
  policy: CountingPolicy,
  passwords: Passwords,
): ClusterConfig {
  return {
    cluster: top.cluster ?? "",
    nodes: Object.keys(top.nodes ?? {})
      .sort()
      .map((id) => resolveNode(file, top, id, passwords)),
    policy,
    insecure: top.insecure ?? false,
    founded: top.founded ?? false,
    timings: deriveTimings(top.timings?.detect ?? DETECT_DEFAULT_MS),
    file,
  };
}
