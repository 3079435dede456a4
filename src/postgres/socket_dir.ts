import type { OsUser } from "./os_user.js";

/** The private socket directory for a state directory: inside it, or under the OS temp dir if that path is too long for a socket. */
export function socketDirFor(_stateDir: string): string {
  throw new Error("not built yet");
}

/** Creates it 0700 and owned by the user; refuses one that somebody else made. */
export async function makeSocketDir(_stateDir: string, _user: OsUser): Promise<string> {
  throw new Error("not built yet");
}

/** Removes it after a clean stop. */
export async function removeSocketDir(_stateDir: string): Promise<void> {
  throw new Error("not built yet");
}
