import type { CountingPolicy } from "../core/ruleset/ruleset.js";
import type { TlsPaths } from "../tls/material.js";
import type { Timings } from "./derive.js";
import type { LogLevel } from "./schema.js";

/** A role of Postgres. The password is not enumerable: no log, JSON or spread ever carries it along. */
export interface Credentials {
  readonly user: string;
  /** Null if none was given: the founder makes one, and it travels with `Follow`. */
  readonly password: string | null;
}

export interface PostgresConfig {
  readonly port: number;
  /** Null: look in PATH, the distribution's folders, npm. */
  readonly bin_dir: string | null;
  /** Passed on to Postgres as they are; no managed name among them. */
  readonly settings: Readonly<Record<string, string>>;
  /** Lines of pg_hba.conf, appended to ours. */
  readonly hba: readonly string[];
  readonly superuser: Credentials;
  readonly replication: Credentials;
}

/** How a node comes back whose data has to be copied. */
export interface RejoinConfig {
  /** What one clone takes of its source, in kB per second; null: as much as there is. */
  readonly max_rate_kb_per_s: number | null;
  /** Clones that one source serves at the same time. */
  readonly at_once: number;
  /** WAL that a node keeps for one that is away, or that clones, at most. */
  readonly keep_wal_kb: number;
}

/** One node with everything that holds for it, wherever in the file it was written. */
export interface NodeConfig {
  readonly id: string;
  readonly host: string;
  /** gRPC between sidecars. */
  readonly port: number;
  /** Absolute: Postgres in `pgdata/`, our state in `state/`. */
  readonly data_dir: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly postgres: PostgresConfig;
  /** Null: it would be the default, and nodes of the same address cannot share it. */
  readonly http: { readonly port: number | null };
  /** Absolute paths; null: sidecars talk in the clear. The same for all nodes: either all have it, or none. */
  readonly tls: TlsPaths | null;
  readonly rejoin: RejoinConfig;
  readonly timings: Timings;
  readonly log: { readonly level: LogLevel };
}

/** A whole quorate.yaml, understood and checked. */
export interface ClusterConfig {
  readonly cluster: string;
  /** Sorted by id; the seeds and the first cohort. */
  readonly nodes: readonly NodeConfig[];
  readonly policy: CountingPolicy;
  readonly insecure: boolean;
  /** The cluster exists: no node of this file founds another one, whatever became of its disks. */
  readonly founded: boolean;
  readonly timings: Timings;
  /** As it was named on the command line. */
  readonly file: string;
}

export function credentials(user: string, password: string | null): Credentials {
  const role = { user };
  Object.defineProperty(role, "password", { value: password, enumerable: false });
  return Object.freeze(role) as Credentials;
}
