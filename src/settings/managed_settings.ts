/**
 * The one list of Postgres settings that are not the user's: the configuration refuses them with the reason, and
 * Postgres' command line leaves them out. It decides nothing about consensus and touches no Postgres: it is data.
 */

/** Settings that decide durability or who leads: the sidecar sets them, and a foreign value would undo a promise. */
const MANAGED: Readonly<Record<string, string>> = {
  synchronous_standby_names: "the durability policy is compiled into it; change `policy` instead",
  primary_conninfo: "it says which leader a node follows, and changes with every term",
  primary_slot_name: "every follower streams through a slot of its own that the sidecar makes",
  recovery_target_timeline: "a follower follows the timeline of its leader's term",
  hba_file:
    "the door that keeps clients out of a node that must not serve is a file of ours; add lines with postgres.hba",
  data_directory: "it follows from `data_dir`",
  config_file: "the sidecar starts Postgres with its own",
  external_pid_file: "the sidecar watches the postmaster by its own pid file",
  port: "use `postgres.port`, which the other nodes know too",
  listen_addresses: "it follows from the node's `host`",
  unix_socket_directories: "the sidecar connects through a directory of its own",
  hot_standby: "a follower must answer the sidecar's questions while it recovers",
  restart_after_crash: "a Postgres that restarts by itself shows commits that nobody acknowledged",
  wal_retrieve_retry_interval: "its default of 5s would be part of every failover",
  wal_receiver_status_interval: "commits wait for the followers' reports",
  wal_log_hints: "a diverged node cannot come back without it",
  wal_keep_size: "the sidecar keeps enough WAL for followers that come back",
  max_slot_wal_keep_size: "a slot that is cut off loses its follower; set `rejoin.keep_wal` instead",
  restore_command: "an archive is a way round a revocation: a voter must get WAL from its leader only",
  archive_mode: "it is on where there is an archive_command, and only an established leader runs that",
  archive_library: "only an established leader may archive, which is done by archive_command",
  archive_cleanup_command: "it is for standbys that recover from an archive, which no voter does",
  promote_trigger_file: "a promotion happens under a term, by the sidecars' agreement only",
  recovery_end_command: "a promotion happens under a term, by the sidecars' agreement only",
  standby_mode: "every Postgres is started as a standby",
  allow_alter_system: "the sidecar decides what may be altered",
  cluster_name: "it carries the node's id",
  recovery_min_apply_delay: "every failover would wait for it",
  data_sync_retry: "a commit whose fsync failed would be acknowledged",
  recovery_init_sync_method: "the sidecar chooses it for every start",
  unix_socket_permissions: "the only socket is the sidecar's own",
  unix_socket_group: "the only socket is the sidecar's own",
  logging_collector: "the sidecar reads Postgres' log from standard error",
  log_destination: "the sidecar reads Postgres' log from standard error",
  log_line_prefix: "the sidecar reads Postgres' log by its line prefix",
  lc_messages: "the sidecar reads Postgres' log in English",
  zero_damaged_pages: "it turns damaged pages into lost rows",
  ignore_invalid_pages: "it turns damaged pages into lost rows",
  ignore_checksum_failure: "it serves damaged pages",
};

/** Settings that one may have, but not with every value: name → why this value is refused, or undefined if it is fine. */
const BOUNDED: Readonly<Record<string, (value: string, needed: number) => string | undefined>> = {
  fsync: mustBeOn("without it an acknowledged commit is on no disk"),
  full_page_writes: mustBeOn("without it a torn page survives a crash"),
  synchronous_commit: (value) =>
    ["on", "true", "yes", "1", "remote_apply"].includes(value)
      ? undefined
      : `${value} would acknowledge commits that no quorum has; use on or remote_apply (a session may still lower it for itself)`,
  wal_level: (value) =>
    ["replica", "logical"].includes(value) ? undefined : `${value} cannot feed a follower; use replica or logical`,
  max_wal_senders: atLeast,
  max_replication_slots: atLeast,
};

function mustBeOn(reason: string): (value: string) => string | undefined {
  return (value) => (["on", "true", "yes", "1"].includes(value) ? undefined : `${reason}; remove it`);
}

function atLeast(value: string, needed: number): string | undefined {
  return /^\d+$/.test(value) && Number(value) >= needed
    ? undefined
    : `${value} is too few for the followers of this cluster; use ${needed} or more, or remove it`;
}

/**
 * Why a setting of the user's is refused, with what to do; undefined if it is passed on. `walSendersNeeded` is how many
 * walsenders and slots this cluster needs; 0 where too small a number is raised instead of refused.
 */
export function refuseSetting(name: string, value: string, walSendersNeeded: number): string | undefined {
  if (name !== name.toLowerCase()) return `Postgres' names are lower case; write ${name.toLowerCase()}`;
  if (!/^[a-z_][a-z0-9_]*([.][a-z_][a-z0-9_]*)?$/.test(name)) return "not a name of a Postgres setting; correct it";
  const reason = Object.hasOwn(MANAGED, name) ? MANAGED[name] : undefined;
  if (reason !== undefined) return `managed by Quorate; ${reason}; remove it`;
  if (name.startsWith("recovery_target"))
    return "a node recovers as far as its leader says, never to a target; remove it";
  if (/[\r\n\0]/.test(value)) return "a value must be one line; remove the line break";
  return Object.hasOwn(BOUNDED, name) ? BOUNDED[name]?.(value.trim().toLowerCase(), walSendersNeeded) : undefined;
}
