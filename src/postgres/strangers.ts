import type { ProcessId } from "./proc_table.js";
import { HAS_PROC, listChildren, title } from "./proc_table.js";
import type { Session } from "./session.js";

/**
 * Auxiliary processes, by their exact title after the prefix (and cluster_name). They are in pg_stat_activity too,
 * but not in their first moments, and to end one of them is to end Postgres.
 */
const AUXILIARY =
  /^(?:\S+: )?(?:archiver|autovacuum launcher|autovacuum worker(?: \S+)?|background writer|checkpointer|io worker(?: \d+)?|logger|logical replication launcher|slotsync worker|startup(?: (?:recovering|waiting for) \S+)?|walreceiver(?: streaming \S+)?|walsummarizer|walwriter)\s*$/;

/** How often a child without a title of its own has to be seen before it counts: an auxiliary gets one at once. */
const UNTITLED_SIGHTINGS = 3;

export interface StrangersOptions {
  readonly session: Session;
  readonly postmasterPid: number;
  readonly spare?: readonly number[];
  readonly walsenders: "keep" | "end";
  /** Kept by the caller from one look to the next: how often each child was seen without a title. */
  readonly sightings: Map<string, number>;
}

export interface Strangers {
  readonly sessions: readonly ProcessId[];
  /** Children too young to tell; the caller looks again. */
  readonly undecided: readonly ProcessId[];
}

type Kind = "ours" | "stranger" | "undecided";

/**
 * Every child of the postmaster that is neither auxiliary nor ours. From the process table, because a connection
 * whose startup packet is still on its way is in no view (POSTGRES.md trap 20).
 */
export async function listStrangers(options: StrangersOptions): Promise<Strangers> {
  // Children first: whoever is in this list and auxiliary had the time to be in the view.
  const children = listChildren(options.postmasterPid);
  const rows = await options.session.query<{ pid: number; backend_type: string }>(
    "SELECT pid, backend_type FROM pg_stat_activity",
  );
  const types = new Map(rows.map(({ pid, backend_type }) => [pid, backend_type]));
  const spared = new Set([options.session.backendPid, ...(options.spare ?? [])]);
  const candidates = HAS_PROC ? children : rows.map(({ pid }) => ({ pid, startTicks: null }));
  const sessions: ProcessId[] = [];
  const undecided: ProcessId[] = [];
  for (const child of candidates) {
    if (spared.has(child.pid)) continue;
    const type = types.get(child.pid);
    const kind = type === undefined ? kindOfUnlisted(child, options) : kindOfListed(type, options);
    if (kind === "stranger") sessions.push(child);
    if (kind === "undecided") undecided.push(child);
  }
  return { sessions, undecided };
}

/** An extension's background worker is Postgres' own here: ended, it would only come back. */
function kindOfListed(backendType: string, options: StrangersOptions): Kind {
  if (backendType === "walsender") return options.walsenders === "end" ? "stranger" : "ours";
  if (backendType === "client backend" || backendType === "parallel worker") return "stranger";
  const applies = backendType.startsWith("logical replication ") && backendType !== "logical replication launcher";
  return applies ? "stranger" : "ours";
}

/** A child that is in no view: before its startup packet, in authentication, or just born. */
function kindOfUnlisted(child: ProcessId, options: StrangersOptions): Kind {
  const shown = title(child.pid);
  if (shown === null || shown === "") return "ours";
  if (shown.startsWith("postgres: ")) {
    const role = shown.slice("postgres: ".length);
    if (AUXILIARY.test(role)) return "ours";
    return options.walsenders === "keep" && role.startsWith("walsender ") ? "ours" : "stranger";
  }
  const key = `${child.pid}@${child.startTicks}`;
  const seen = (options.sightings.get(key) ?? 0) + 1;
  options.sightings.set(key, seen);
  return seen >= UNTITLED_SIGHTINGS ? "stranger" : "undecided";
}
