import { setTimeout as delay } from "node:timers/promises";
import { writeFileDurably } from "./durable_files.js";
import type { OsUser } from "./os_user.js";
import type { ProcessId } from "./proc_table.js";
import { identify, isRunning, signal } from "./proc_table.js";
import type { Session } from "./session.js";
import type { ProbeAnswer, ProbeTarget } from "./startup_probe.js";
import { PROBE_ROLE, probe } from "./startup_probe.js";
import { listStrangers } from "./strangers.js";

export interface HbaOptions {
  readonly door: "shut" | "open";
  readonly superuser: string;
  readonly replicationUser: string;
  /** The user's own lines; scram for all clients if empty. */
  readonly userLines?: readonly string[];
}

/** Quoted, a name that is a keyword of the file (`all`) is only a name; but there is no escape inside the quotes. */
function role(name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_$-]*$/.test(name))
    throw new Error(`role name ${JSON.stringify(name)} cannot stand in a hba file; use letters, digits and _`);
  return `"${name}"`;
}

/**
 * The whole hba file. The local socket is trusted for our role alone: its directory is 0700 and belongs to Postgres'
 * user, which is the protection that `peer` gives, and works for a sidecar that is root.
 */
export function hbaContent(options: HbaOptions): string {
  const superuser = role(options.superuser);
  const ours = [
    `local all ${superuser} trust`,
    `local replication ${superuser} trust`,
    `host replication ${role(options.replicationUser)} all scram-sha-256`,
  ];
  const userLines = options.userLines ?? [];
  const others =
    options.door === "shut"
      ? [
          "local all all reject",
          "local replication all reject",
          "host all all all reject",
          "host replication all all reject",
        ]
      : [
          // For pg_rewind: it reads what the same role may stream.
          `host postgres ${role(options.replicationUser)} all scram-sha-256`,
          `local all ${PROBE_ROLE} scram-sha-256`,
          `host all ${PROBE_ROLE} samehost scram-sha-256`,
          ...(userLines.length > 0 ? userLines : ["host all all all scram-sha-256"]),
        ];
  return [
    "# Written by Quorate, which overwrites every change; set postgres.hba instead.",
    ...ours,
    ...others,
    "",
  ].join("\n");
}

/** Writes the hba file (temp, fsync, rename); Postgres reads it at its next SIGHUP or start. */
export async function writeHba(hbaFile: string, options: HbaOptions, user: OsUser): Promise<void> {
  await writeFileDurably({ path: hbaFile, content: hbaContent(options), user, sync: "none" });
}

export interface DoorOptions {
  readonly hbaFile: string;
  readonly hba: Omit<HbaOptions, "door">;
  readonly user: OsUser;
  readonly postmasterPid: number;
  /** Where the probe knocks. */
  readonly target: ProbeTarget;
  readonly deadlineMs: number;
}

export interface ShutOptions extends DoorOptions {
  /** A session of ours on this Postgres; it is spared, and tells which children are auxiliary. */
  readonly session: Session;
  /** Other backends of ours that are spared. */
  readonly spare?: readonly number[];
  /** Asked before each round: sessions that are awaited and not told to end yet. */
  readonly leaveBe?: () => Promise<ReadonlySet<number>>;
  /** Whether followers that stream from here are ended too. */
  readonly walsenders: "keep" | "end";
}

const NOBODY: ReadonlySet<number> = new Set();
const KNOCK_PAUSE_MS = 2;
/** A young child is told from an auxiliary process by looking again. */
const LOOK_AGAIN_MS = 10;
const KNOCK_TIMEOUT_MS = 1_000;

/**
 * Closes the door of a *standby* (or of a primary on which nothing waits) and ends every session; resolves when the
 * probe is refused and none is left. SIGTERM, since a killed backend takes the postmaster with it; a session that
 * does not obey in time (frozen, stuck) makes this reject, and the caller fences. A primary with waiters is fenced
 * in the first place: SIGTERM would show their rows (POSTGRES.md trap 19); or `leaveBe` names them, until they have waited.
 */
export async function shutDoor(options: ShutOptions): Promise<{ readonly ended: number }> {
  const deadline = performance.now() + options.deadlineMs;
  const ended = new Set<number>();
  const sightings = new Map<string, number>();
  await turn("shut", options);
  let proven = false;
  for (;;) {
    if (!proven) {
      const answer = await probe(options.target, KNOCK_TIMEOUT_MS);
      proven = answer.kind === "shut";
      if (!proven && performance.now() > deadline) throw unproven("shut", options, answer);
    }
    // Also before the proof: on a full house only an ended session makes room for the probe. And again after it: a
    // connection from before may send its startup packet only now, and is in no view (trap 20).
    const { sessions, undecided } = await listStrangers({ ...options, sightings });
    const awaited = (await options.leaveBe?.()) ?? NOBODY;
    for (const session of sessions) if (!awaited.has(session.pid) && signal(session, "SIGTERM")) ended.add(session.pid);
    // Whoever is born after the proof meets the shut door by himself: clients that try again and again are not waited for.
    if (proven && (await untilGone([...sessions, ...undecided], deadline))) return { ended: ended.size };
    if (performance.now() > deadline) {
      const pids = [...sessions, ...undecided].filter(isRunning).map(({ pid }) => pid);
      throw new Error(
        `the door is shut, but sessions ${pids.join(", ")} did not end within ${options.deadlineMs} ms; fence this Postgres`,
      );
    }
    await delay(KNOCK_PAUSE_MS);
  }
}

/** Looks at these processes alone, which is cheaper than at all; false after a while, to look at them all again. */
async function untilGone(processes: readonly ProcessId[], deadline: number): Promise<boolean> {
  const until = Math.min(deadline, performance.now() + LOOK_AGAIN_MS);
  while (processes.some(isRunning)) {
    if (performance.now() > until) return false;
    await delay(1);
  }
  return true;
}

/** Lets clients in; resolves when the probe is asked for a password. */
export async function openDoor(options: DoorOptions): Promise<void> {
  const deadline = performance.now() + options.deadlineMs;
  await turn("open", options);
  for (;;) {
    const answer = await probe(options.target, KNOCK_TIMEOUT_MS);
    if (answer.kind === "open") return;
    if (performance.now() > deadline) throw unproven("open", options, answer);
    await delay(KNOCK_PAUSE_MS);
  }
}

async function turn(door: "shut" | "open", options: DoorOptions): Promise<void> {
  await writeHba(options.hbaFile, { ...options.hba, door }, options.user);
  const postmaster = identify(options.postmasterPid);
  if (postmaster === null || !signal(postmaster, "SIGHUP")) {
    throw new Error(
      `the door cannot be turned ${door}: postmaster ${options.postmasterPid} is gone; start Postgres again`,
    );
  }
}

/** A reload "succeeds" with a broken file, and the old one stays in force (trap 20): only the probe knows. */
function unproven(door: "shut" | "open", options: DoorOptions, answer: ProbeAnswer): Error {
  const seen = answer.kind === "unknown" ? answer.reason : `the probe finds it ${answer.kind}`;
  return new Error(
    `the door is not proven ${door} after ${options.deadlineMs} ms: ${seen}; look for "${options.hbaFile}" in Postgres' log, and check postgres.hba`,
  );
}
