import { execFile } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { DemoHome } from "./home.js";

const run = promisify(execFile);

/** A SysV segment. Each Postgres has one of 56 bytes, and a killed one leaves it until its next start. */
export interface Segment {
  readonly id: number;
  readonly key: number;
  readonly creator: number;
  readonly attached: number;
  readonly uid: number;
}

/** What tells our segments from those of other Postgres of this machine. */
export interface SegmentMarks {
  /** Numbers of all postmasters of the demo, dead ones too. */
  readonly creators: ReadonlySet<number>;
  /** Postgres takes the inode of its data directory as the key. */
  readonly keys: ReadonlySet<number>;
  /** Who owns the data directories; a number may have been used again by somebody else's process. */
  readonly uids: ReadonlySet<number>;
}

/** To be read while the directories still exist. */
export async function readMarks(home: DemoHome): Promise<SegmentMarks> {
  const creators = new Set<number>();
  const keys = new Set<number>();
  const uids = new Set<number>();
  for (const node of await children(home.dir)) {
    for (const text of await postgresLogs(node))
      for (const match of text.matchAll(/\[(\d+)\].*starting PostgreSQL/g)) creators.add(Number(match[1]));
    for (const dir of await children(node)) {
      if ((await stat(join(dir, "PG_VERSION")).catch(() => null)) === null) continue;
      const { ino, uid } = await stat(dir);
      keys.add(Number(BigInt.asIntN(32, BigInt(ino))));
      uids.add(uid);
      const named = Number((await readFile(join(dir, "postmaster.pid"), "latin1").catch(() => "")).split("\n")[0]);
      if (named > 0) creators.add(named);
    }
  }
  return { creators, keys, uids };
}

/** Segments of the demo that are still there. Empty where the system does not tell (macOS). */
export async function listSegments(marks: SegmentMarks): Promise<readonly Segment[]> {
  return parseSegments(await readFile("/proc/sysvipc/shm", "latin1").catch(() => "")).filter(
    ({ key, creator, uid }) => marks.uids.has(uid) && (marks.creators.has(creator) || marks.keys.has(key)),
  );
}

/** Frees those that no process uses any more. */
export async function freeSegments(marks: SegmentMarks): Promise<void> {
  for (const { id, attached } of await listSegments(marks)) {
    // One that cannot be freed is found again by listSegments and reported from there.
    if (attached === 0) await run("ipcrm", ["-m", String(id)]).catch(() => undefined);
  }
}

export function parseSegments(table: string): readonly Segment[] {
  return table
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/).map(Number);
      const [key, id, , , creator, , attached, uid] = fields;
      if (key === undefined || id === undefined || creator === undefined || attached === undefined || uid === undefined)
        return [];
      return [{ id, key, creator, attached, uid }];
    });
}

async function children(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(dir, name));
}

async function postgresLogs(node: string): Promise<readonly string[]> {
  const files = ["postgres.log", "postgres.log.1"].map((name) => join(node, "state", "postgres", name));
  return Promise.all(files.map((file) => readFile(file, "latin1").catch(() => "")));
}
