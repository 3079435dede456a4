import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { DemoFailed } from "./waiting.js";

/** Where everything of one demo lies. Real paths: /proc shows no others. */
export interface DemoHome {
  readonly dir: string;
  readonly config: string;
  readonly ledger: string;
  readonly logs: string;
  readonly marker: string;
}

const MARKER = "quorate-demo.json";
const MARKER_SCHEMA = "quorate.demo-home/1";
const ENTER_FOR_ALL = 0o001;

export function homeAt(dir: string): DemoHome {
  return {
    dir,
    config: join(dir, "quorate.yaml"),
    ledger: join(dir, "ledger.jsonl"),
    logs: join(dir, "logs"),
    marker: join(dir, MARKER),
  };
}

/** A fresh directory under the system's temporary one, or `wanted`, which must be empty or absent. */
export async function makeHome(wanted: string | undefined): Promise<DemoHome> {
  const dir = await realpath(wanted === undefined ? await temporary() : await asWanted(wanted));
  const home = homeAt(dir);
  try {
    // The unprivileged user that Postgres runs as has to pass through, and needs no more than that.
    await chmod(dir, 0o711);
    await requirePassable(dir);
    // First of all: `demo stop` deletes only what carries it.
    await writeFile(home.marker, `${JSON.stringify({ schema: MARKER_SCHEMA, made_at: new Date().toISOString() })}\n`);
    await mkdir(home.logs);
    return home;
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

function temporary(): Promise<string> {
  return mkdtemp(join(tmpdir(), "quorate-demo-"));
}

async function asWanted(wanted: string): Promise<string> {
  const dir = resolve(wanted);
  await mkdir(dir, { recursive: true });
  if ((await readdir(dir)).length > 0)
    throw new DemoFailed(
      `${dir} is not empty; name another directory with --dir, or, if it is a kept demo, end that with \`quorate demo stop --dir ${dir}\``,
    );
  return dir;
}

/** Only root runs Postgres as somebody else, who may be locked out of root's own folders. */
async function requirePassable(dir: string): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  for (let path = dir; ; path = dirname(path)) {
    if (((await stat(path)).mode & ENTER_FOR_ALL) === 0)
      throw new DemoFailed(
        `Postgres, which refuses to run as root, would run as a user who may not enter ${path}; name a directory elsewhere with --dir, or set TMPDIR`,
      );
    if (path === dirname(path)) return;
  }
}

/** The home of a kept demo; refuses a directory that no demo made. */
export async function findHome(dir: string): Promise<DemoHome> {
  const path = await realpath(resolve(dir)).catch(() => null);
  if (path === null)
    throw new DemoFailed(
      `${resolve(dir)} does not exist, so no demo is kept there; name the directory that \`quorate demo --keep\` printed (without --keep none stays)`,
    );
  const home = homeAt(path);
  const text = await readFile(home.marker, "utf8").catch(() => "");
  if (!text.includes(MARKER_SCHEMA))
    throw new DemoFailed(
      `${path} is not the directory of a demo (it has no ${MARKER}); nothing was touched. Name the directory that \`quorate demo --keep\` printed`,
    );
  return home;
}

export async function removeHome(home: DemoHome): Promise<void> {
  await rm(home.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
