import type { Binaries } from "./binaries.js";
import type { OsUser } from "./os_user.js";

export interface InitdbOptions {
  readonly binaries: Binaries;
  readonly user: OsUser;
  readonly dataDir: string;
  readonly superuser: string;
  /** 16 by default; 1 keeps a demo small. */
  readonly walSegmentSizeMb?: number;
  readonly locale?: string;
  readonly encoding?: string;
  readonly dataChecksums?: boolean;
}

/** Makes a new cluster; refuses a directory that holds anything; a crash leaves either all of it or nothing. */
export async function initdb(_options: InitdbOptions): Promise<void> {
  throw new Error("not built yet");
}
