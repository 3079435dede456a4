/** The operating system's user that every Postgres program runs as. */
export interface OsUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** True if the sidecar is root and every Postgres program must be dropped to this user. */
  readonly drop: boolean;
}

export interface ChooseOsUserOptions {
  readonly configured?: string | null;
  /** An existing data directory: its owner is a candidate. */
  readonly dataDir?: string | null;
}

/** Current user, or when root: configured, QUORATE_OS_USER, the data directory's owner, `postgres`, `nobody`. */
export async function chooseOsUser(_options: ChooseOsUserOptions): Promise<OsUser> {
  throw new Error("not built yet");
}

/** The options of child_process.spawn that make a child run as this user. */
export function spawnIdentity(user: OsUser): { uid?: number; gid?: number } {
  return user.drop ? { uid: user.uid, gid: user.gid } : {};
}

/** Makes the file or directory belong to the user; does nothing unless the sidecar is root. */
export async function giveTo(_user: OsUser, _path: string): Promise<void> {
  throw new Error("not built yet");
}
