import type { OsUser } from "./os_user.js";
import type { Session } from "./session.js";
import type { ProbeTarget } from "./startup_probe.js";

export interface HbaOptions {
  readonly door: "shut" | "open";
  readonly superuser: string;
  readonly replicationUser: string;
  /** The user's own lines; scram for all clients if empty. */
  readonly userLines?: readonly string[];
}

/** The whole hba file. Pure. */
export function hbaContent(_options: HbaOptions): string {
  throw new Error("not built yet");
}

/** Writes the hba file (temp, fsync, rename); Postgres reads it at its next SIGHUP or start. */
export async function writeHba(_hbaFile: string, _options: HbaOptions, _user: OsUser): Promise<void> {
  throw new Error("not built yet");
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
  /** Whether followers that stream from here are ended too. */
  readonly walsenders: "keep" | "end";
}

/** Closes the door of a *standby* and ends every session. A primary with waiters is fenced instead (POSTGRES.md trap 19). */
export async function shutDoor(_options: ShutOptions): Promise<{ readonly ended: number }> {
  throw new Error("not built yet");
}

/** Lets clients in; resolves when the probe is asked for a password. */
export async function openDoor(_options: DoorOptions): Promise<void> {
  throw new Error("not built yet");
}
