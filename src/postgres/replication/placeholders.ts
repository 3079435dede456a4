import type { Term } from "../../core/log/position.js";
import type { OsUser } from "../os_user.js";

export interface PlaceholderOptions {
  readonly dataDir: string;
  /** The timeline of this node's last record; numbers up to it are left alone. */
  readonly held: Term;
  /** The next promotion shall choose this timeline: every number in between gets a file. */
  readonly term: Term;
  readonly user: OsUser;
}

/** Makes the next promotion choose timeline `term` (POSTGRES.md A.5); files that exist are kept. Returns how many were made. */
export async function writePlaceholders(_options: PlaceholderOptions): Promise<number> {
  throw new Error("not built yet");
}
