/**
 * The user's settings that need not stand on the command line, in a file of ours that Postgres is started with: it includes
 * the directory's own `postgresql.conf` and comes after it. So a sidecar that is restarted with another value puts it in
 * force by a reload, where Postgres can; a name on the command line could only wait.
 */
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { hasCode, writeFileDurably } from "./durable_files.js";
import type { OsUser } from "./os_user.js";
import { inFile } from "./settings.js";

export interface SettingsFileOptions {
  readonly dataDir: string;
  readonly stateDir: string;
  readonly user: OsUser;
  readonly userSettings?: Readonly<Record<string, string>>;
}

export function settingsFileOf(stateDir: string): string {
  return join(resolve(stateDir), "postgres", "postgresql.conf");
}

/** Writes it if it says something else. True if it did. */
export async function writeSettingsFile(options: SettingsFileOptions): Promise<boolean> {
  const path = settingsFileOf(options.stateDir);
  const content = settingsText(join(resolve(options.dataDir), "postgresql.conf"), inFile(options.userSettings));
  const before = await readFile(path, "utf8").catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return null;
    throw error;
  });
  if (before === content) return false;
  // Every safe start writes it before Postgres reads it.
  await writeFileDurably({ path, content, user: options.user, sync: "none" });
  return true;
}

/** https://www.postgresql.org/docs/current/config-setting.html#CONFIG-SETTING-CONFIGURATION-FILE */
export function settingsText(included: string, settings: Readonly<Record<string, string>>): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${quoted(value)}`);
  return [
    "# Written by Quorate at each start: what postgres.settings of its configuration says.",
    `include_if_exists = ${quoted(included)}`,
    ...lines,
    "",
  ].join("\n");
}

function quoted(value: string): string {
  return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** `name=value` of a command line, as postmaster.opts has it; each argument stands in double quotes. */
export function commandLineIn(opts: string): Map<string, string> {
  const from = opts.indexOf(' "');
  const args =
    from < 0
      ? []
      : opts
          .slice(from + 2)
          .replace(/"\s*$/, "")
          .split('" "');
  const said = args.filter((_, index) => args[index - 1] === "-c");
  return new Map(said.map((arg) => [arg.slice(0, arg.indexOf("=")), arg.slice(arg.indexOf("=") + 1)]));
}

/** What the Postgres of this directory was started with last. Empty if it says nothing. */
export async function startedWith(dataDir: string): Promise<Map<string, string>> {
  const opts = await readFile(join(dataDir, "postmaster.opts"), "utf8").catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return "";
    throw error;
  });
  return commandLineIn(opts);
}
