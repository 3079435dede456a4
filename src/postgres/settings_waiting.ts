/** Which settings wait for a restart of Postgres, and which a restart would not bring either: data, from what was read. */
import { AS_HIGH_AS_THE_PRIMARY, type HeldSetting, type PendingSetting } from "../core/settings_seen.js";
import type { SettingWaitingRow } from "./sql/settings_waiting.js";

export interface Settings {
  /** What Postgres runs with, by its command line. */
  readonly running: ReadonlyMap<string, string>;
  /** What it would be started with now: on the command line, and in our file. */
  readonly wanted: ReadonlyMap<string, string>;
  readonly filed: Readonly<Record<string, string>>;
  readonly userSettings: Readonly<Record<string, string>>;
}

/** Where a name is not on either side: Postgres' own default, which may be a number in a unit of its own. */
const THE_DEFAULT = "the default";

/** Names that Postgres has to be asked about: what the two command lines say differently. */
export function asksFor({ running, wanted, filed }: Settings): string[] {
  const names = new Set([...running.keys(), ...wanted.keys(), ...Object.keys(filed)]);
  // Where our file is, is nothing that anybody set.
  names.delete("config_file");
  // What stands in our file is Postgres' own to tell, unless it was started with an older value, or without the file.
  const taken = (name: string) => (running.has("config_file") && !wanted.has(name) ? filed[name] : undefined);
  return [...names].filter((name) => (running.get(name) ?? taken(name)) !== (wanted.get(name) ?? filed[name]));
}

export function waitingIn(
  settings: Settings,
  rows: readonly SettingWaitingRow[],
): { readonly pending: readonly PendingSetting[]; readonly held: readonly HeldSetting[] } {
  const asked = new Set(asksFor(settings));
  const pending: PendingSetting[] = [];
  const held = heldUp(settings);
  for (const row of rows) {
    if (row.error !== null && row.filed !== null) {
      held.push({ name: row.name, wanted: row.filed, runs: row.shown, why: `Postgres does not take it: ${row.error}` });
      continue;
    }
    const to = asked.has(row.name)
      ? afterStart(settings, row)
      : row.on_command_line
        ? null
        : (row.filed ?? THE_DEFAULT);
    if (to !== null && to !== row.shown && to !== row.raw && (asked.has(row.name) || row.pending))
      pending.push({ name: row.name, from: row.shown, to });
    const altered = row.altered && settings.wanted.has(row.name) ? row.filed : null;
    if (altered !== null && ![to, row.shown, row.raw].includes(altered))
      held.push({ name: row.name, wanted: altered, runs: row.shown, why: ALTERED });
  }
  return { pending: pending.sort(byName), held: held.sort(byName) };
}

const ALTERED = "it was altered by hand, and the sidecar's command line beats that: set it in postgres.settings";

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

/** The value that a start would bring; null: the one that runs. */
function afterStart({ wanted, filed }: Settings, row: SettingWaitingRow): string | null {
  const said = wanted.get(row.name) ?? filed[row.name] ?? row.filed;
  return said ?? (row.raw === row.boot ? null : THE_DEFAULT);
}

/** Numbers below what the log asks of a standby: every start is a standby's, so they are never lowered. */
function heldUp({ wanted, userSettings }: Settings): HeldSetting[] {
  return Object.entries(userSettings).flatMap(([name, value]) => {
    const used = wanted.get(name);
    if (used === undefined || !AS_HIGH_AS_THE_PRIMARY.has(name) || !(Number(used) > Number(value))) return [];
    const why = `the log was written with ${used}, and a standby, which every Postgres is at its start, needs as much`;
    return [{ name, wanted: value, runs: used, why }];
  });
}
