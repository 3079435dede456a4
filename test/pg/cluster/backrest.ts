import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { hasCode } from "../../../src/postgres/durable_files.js";
import { chooseOsUser, giveTo, type OsUser, spawnIdentity } from "../../../src/postgres/os_user.js";
import { clusterBinaries } from "./binaries.js";
import type { TestCluster } from "./cluster.js";

const run = promisify(execFile);
const STANZA = "tested";

/** Null where it is not installed. */
export function findBackrest(): string | null {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/bin"];
  return folders.map((folder) => join(folder, "pgbackrest")).find((path) => existsSync(path)) ?? null;
}

/** pgBackRest as the distribution has it, one repository for all nodes, and a note of who archived what. */
export class Backrest {
  private constructor(
    private readonly program: string,
    private readonly folder: string,
    private readonly user: OsUser,
  ) {}

  /** Before the cluster is configured: its folder is the cluster's own. */
  static async create(program: string, folder: string): Promise<Backrest> {
    const user = await chooseOsUser({});
    const backrest = new Backrest(program, folder, user);
    for (const path of [folder, backrest.repository]) {
      await mkdir(path, { mode: 0o700 });
      await giveTo(user, path);
    }
    await writeFile(backrest.script, ARCHIVE.replaceAll("FOLDER", folder).replaceAll("PROGRAM", program));
    await chmod(backrest.script, 0o755);
    return backrest;
  }

  get archiveCommand(): string {
    return `${this.script} %p`;
  }

  private get script(): string {
    return join(this.folder, "archive.sh");
  }

  private get repository(): string {
    return join(this.folder, "repository");
  }

  /** Archiving fails until it is opened again. */
  async shut(): Promise<void> {
    await writeFile(join(this.folder, "shut"), "");
  }

  async open(): Promise<void> {
    await rm(join(this.folder, "shut"));
  }

  /** Lines of node and file, in the order in which they were asked for. */
  async archived(): Promise<readonly { readonly node: string; readonly file: string }[]> {
    const text = await readFile(join(this.folder, "log"), "utf8").catch((error: unknown) => {
      if (hasCode(error, "ENOENT")) return "";
      throw error;
    });
    const lines = text.split("\n").filter((line) => line !== "");
    return lines.map((line) => {
      const [node = "", file = ""] = line.split(" ");
      return { node, file };
    });
  }

  /** Names of all files that are kept: WAL, history files, backups. */
  async stored(): Promise<readonly string[]> {
    const entries = await readdir(this.repository, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  }

  async configure(cluster: TestCluster): Promise<void> {
    for (const { id, dataDir, pgPort } of cluster.plan.nodes) {
      const lines = [
        "[global]",
        `repo1-path=${this.repository}`,
        `lock-path=${join(this.folder, "lock")}`,
        "log-level-file=off",
        "log-level-console=warn",
        "compress-type=none",
        "repo1-retention-full=9",
        "archive-timeout=60",
        `[${STANZA}]`,
        `pg1-path=${join(dataDir, "pgdata")}`,
        `pg1-port=${pgPort}`,
        `pg1-socket-path=${join(dataDir, "state", "socket")}`,
        "pg1-user=postgres",
      ];
      await writeFile(this.config(id), `${lines.join("\n")}\n`, { mode: 0o644 });
    }
  }

  async do(id: string, command: string, ...args: readonly string[]): Promise<void> {
    await this.asUser(this.program, [`--config=${this.config(id)}`, `--stanza=${STANZA}`, ...args, command]);
  }

  /** Restores to a named point of a timeline, and starts what came of it beside the cluster. @returns its socket directory. */
  async restored(options: { id: string; point: string; timeline: number; dir: string; port: number }): Promise<string> {
    const { id, point, timeline, dir, port } = options;
    await mkdir(dir, { mode: 0o700 });
    await giveTo(this.user, dir);
    const target = ["--type=name", `--target=${point}`, `--target-timeline=${timeline}`, "--target-action=promote"];
    await this.do(id, "restore", `--pg1-path=${dir}`, ...target);
    const hba = join(this.folder, "restored_hba.conf");
    await writeFile(hba, "local all all trust\n", { mode: 0o644 });
    const settings = {
      ...{ listen_addresses: "", port: String(port), unix_socket_directories: this.folder, hba_file: hba },
      ...{ archive_mode: "off", synchronous_standby_names: "" },
    };
    const assigned = Object.entries(settings).map(([name, value]) => `-c ${name}='${value}'`);
    const { binDir } = await clusterBinaries();
    const log = join(this.folder, "restored.log");
    const start = ["-D", dir, "-l", log, "-t", "120", "-w", "-o", assigned.join(" "), "start"];
    await this.asUser(join(binDir, "pg_ctl"), start).catch(async (error: unknown) => {
      throw new Error(`the restored Postgres does not start: ${await readFile(log, "utf8")}`, { cause: error });
    });
    return this.folder;
  }

  async stopRestored(dir: string): Promise<void> {
    const { binDir } = await clusterBinaries();
    if (!existsSync(join(dir, "postmaster.pid"))) return;
    await this.asUser(join(binDir, "pg_ctl"), ["-D", dir, "-m", "immediate", "-w", "stop"]);
  }

  private async asUser(program: string, args: readonly string[]): Promise<void> {
    await run(program, [...args], { ...spawnIdentity(this.user), cwd: this.folder });
  }

  private config(id: string): string {
    return join(this.folder, `${id}.conf`);
  }
}

/** Postgres runs it in the data directory, `.../NODE/pgdata`. */
const ARCHIVE = `#!/bin/sh
test -e FOLDER/shut && exit 1
node=$(basename "$(dirname "$PWD")")
echo "$node $(basename "$1")" >>FOLDER/log
exec PROGRAM --config=FOLDER/$node.conf --stanza=${STANZA} archive-push "$1"
`;
