import { AS_HIGH_AS_THE_PRIMARY } from "../core/settings_seen.js";
import { refuseSetting } from "../settings/managed_settings.js";
import { archiveCommandOf } from "./archiving.js";

/** synchronous_standby_names that no follower ever satisfies: never empty, from the first start on (POSTGRES.md trap 16). */
export const NAMES_NOBODY = 'ANY 1 ("quorate_nobody")';

export interface CommandLineOptions {
  /** Postgres' major version. */
  readonly major: number;
  readonly port: number;
  readonly listenAddresses: readonly string[];
  readonly socketDir: string;
  readonly hbaFile: string;
  /** Of ours (settings_file.ts). */
  readonly configFile: string;
  /** The user's own settings; what the configuration would refuse is left out here. */
  readonly userSettings?: Readonly<Record<string, string>>;
  readonly slotWalKeepKb?: number;
  /** Smaller buffers for a demo on one machine; never less durable. */
  readonly fast?: boolean;
  /**
   * Numbers below which Postgres would refuse to start as a standby, from its control data. Since every start is a
   * standby's, such a number can be raised and never lowered again.
   */
  readonly floors?: Readonly<Record<string, number>>;
  readonly platform?: NodeJS.Platform;
}

/** Must stand on the command line, since ALTER SYSTEM beats every file: durability, and what a standby would not start without. */
const ON_COMMAND_LINE: ReadonlySet<string> = new Set([
  ...["fsync", "full_page_writes", "synchronous_commit", "wal_level", "max_replication_slots"],
  ...["superuser_reserved_connections", ...AS_HIGH_AS_THE_PRIMARY],
]);

/** The user's settings that stand in our file. Only an established leader has archive_command in force (archiving.ts). */
export function inFile(userSettings: CommandLineOptions["userSettings"]): Record<string, string> {
  const entries = Object.entries(userSettings ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  return Object.fromEntries(
    entries.filter(
      ([name, value]) =>
        name !== "archive_command" && !ON_COMMAND_LINE.has(name) && refuseSetting(name, value, 0) === undefined,
    ),
  );
}

/** The `-c name=value` arguments of Postgres, without `-D`. On the command line since nothing but a restart overrides it. */
export function commandLine(options: CommandLineOptions): string[] {
  const filed = inFile(options.userSettings);
  const chosen = Object.fromEntries(
    Object.entries(overridable(options)).filter(([name]) => !Object.hasOwn(filed, name)),
  );
  for (const [name, value] of Object.entries(options.userSettings ?? {})) {
    const key = name.toLowerCase();
    // Too small a number is raised below.
    if (ON_COMMAND_LINE.has(key) && refuseSetting(key, value, 0) === undefined) chosen[key] = value;
  }
  for (const [name, floor] of [...Object.entries(AT_LEAST), ...Object.entries(options.floors ?? {})]) {
    chosen[name] = atLeast(chosen[name], floor);
  }
  // Last on the command line wins as well; ours stand behind everything.
  const all = { ...chosen, ...managed(options) };
  return Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

/** Defaults that suit a cluster; the user may change those that the list of managed settings does not name. */
function overridable(options: CommandLineOptions): Record<string, string> {
  return {
    wal_level: "replica",
    synchronous_commit: "on",
    max_connections: "100",
    superuser_reserved_connections: "5",
    max_wal_senders: "10",
    max_replication_slots: "20",
    wal_keep_size: "1GB",
    // Without a cap an absent follower fills the leader's disk.
    max_slot_wal_keep_size: options.slotWalKeepKb === undefined ? "4GB" : `${options.slotWalKeepKb}kB`,
    // A reader on a standby may hold up replay, and with it a failover, only this long.
    max_standby_streaming_delay: "500ms",
    max_standby_archive_delay: "500ms",
    wal_sender_timeout: "5s",
    wal_receiver_timeout: "5s",
    tcp_keepalives_idle: "10",
    tcp_keepalives_interval: "3",
    tcp_keepalives_count: "3",
    // A client whose host vanished while its answer was under way; keepalives only watch connections that are idle.
    ...(isLinux(options) ? { tcp_user_timeout: "10s" } : {}),
    ...(options.fast === true ? FAST : {}),
  };
}

const FAST: Readonly<Record<string, string>> = {
  shared_buffers: "32MB",
  wal_keep_size: "64MB",
  max_slot_wal_keep_size: "512MB",
  jit: "off",
  // Inside the data directory, so that nothing stays in the system's shared memory when a demo is thrown away.
  dynamic_shared_memory_type: "mmap",
};

function managed(options: CommandLineOptions): Record<string, string> {
  return {
    listen_addresses: options.listenAddresses.join(","),
    port: String(options.port),
    unix_socket_directories: options.socketDir,
    hba_file: options.hbaFile,
    config_file: options.configFile,
    hot_standby: "on",
    wal_log_hints: "on",
    fsync: "on",
    restart_after_crash: "off",
    recovery_target_timeline: "latest",
    restore_command: "",
    recovery_min_apply_delay: "0",
    data_sync_retry: "off",
    // The default of 5 s is failover time.
    wal_retrieve_retry_interval: "100ms",
    wal_receiver_status_interval: "1s",
    // Never `always`: the followers would archive as well (POSTGRES.md K).
    archive_mode: archiveCommandOf(options.userSettings) === null ? "off" : "on",
    // We read the log ourselves: one stream, in English, with the SQLSTATE.
    logging_collector: "off",
    log_destination: "stderr",
    log_line_prefix: "%m [%p] %e %q%u@%d ",
    lc_messages: "C",
    ...(isLinux(options) ? { recovery_init_sync_method: "syncfs" } : {}),
    ...(options.major >= 17 ? { allow_alter_system: "off" } : {}),
  };
}

function isLinux({ platform = process.platform }: CommandLineOptions): boolean {
  return platform === "linux";
}

/** Fewer than these would leave followers, clones and their slots without a place. */
const AT_LEAST: Readonly<Record<string, number>> = {
  max_wal_senders: 10,
  max_replication_slots: 16,
  superuser_reserved_connections: 5,
};

/** A value that is no number stays, so that Postgres names the mistake. */
function atLeast(value: string | undefined, floor: number): string {
  return value === undefined || Number(value) < floor ? String(floor) : value;
}
