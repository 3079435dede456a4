import type { OsUser } from "./os_user.js";

export type BinariesSource = "configured" | "path" | "distribution" | "npm";

/** One installation of Postgres. */
export interface Binaries {
  readonly binDir: string;
  /** As `postgres --version` says it: "15.18". */
  readonly version: string;
  readonly major: number;
  readonly source: BinariesSource;
}

export interface FindBinariesOptions {
  readonly configured?: string | null;
  /** Directory from which the npm package is resolved; this file's own by default. */
  readonly packageRoot?: string;
  /** Who will run them; binaries that this user cannot reach are copied to `cacheDir`. */
  readonly user?: OsUser;
  readonly cacheDir?: string;
}

export async function findBinaries(_options: FindBinariesOptions = {}): Promise<Binaries> {
  throw new Error("not built yet");
}
