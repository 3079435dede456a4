import { resolve } from "node:path";
import type { SettingsSeen } from "../core/settings_seen.js";
import { writeAutoConf } from "./auto_conf.js";
import { readControlData } from "./control_data.js";
import { explain } from "./explain.js";
import type { Instance } from "./instance.js";
import { placesOf, type SafeStartOptions } from "./safe_start.js";
import { commandLine, inFile } from "./settings.js";
import { commandLineIn, settingsFileOf, startedWith, writeSettingsFile } from "./settings_file.js";
import { asksFor, waitingIn } from "./settings_waiting.js";
import { oneRow } from "./sql/one_row.js";
import { SETTINGS_LOAD, type SettingsLoadRow } from "./sql/settings_load.js";
import { SETTINGS_WAITING, type SettingWaitingRow } from "./sql/settings_waiting.js";

/** Soon enough for somebody who has just reloaded Postgres and looks at the status. */
const LOOK_EVERY_MS = 2_000;

export interface SettingsLookOptions {
  readonly instance: () => Instance | null;
  readonly seen: (settings: SettingsSeen) => void;
  readonly warn: (text: string, cause: unknown) => void;
  /** Aborted when the sidecar ends. */
  readonly ending: AbortSignal;
}

/** Looks now and then which settings of the running Postgres wait for a restart. */
export class SettingsLook {
  private looking = false;
  private last: { readonly instance: Instance; readonly loadedAt: string } | null = null;
  private told = "";
  private trouble = "";

  constructor(private readonly options: SettingsLookOptions) {
    const timer = setInterval(() => void this.look(), LOOK_EVERY_MS);
    timer.unref();
    options.ending.addEventListener("abort", () => clearInterval(timer), { once: true });
  }

  /** At once, for a Postgres that has just come. */
  async look(): Promise<void> {
    const instance = this.options.instance();
    if (this.looking || instance === null) return;
    this.looking = true;
    try {
      await this.lookAt(instance);
      this.trouble = "";
    } catch (error) {
      const trouble = explain(error);
      // Its end is told by whoever watches it.
      if (this.options.instance() === instance && trouble !== this.trouble)
        this.options.warn(`which settings wait for a restart cannot be seen: ${trouble}`, error);
      this.trouble = trouble;
    } finally {
      this.looking = false;
    }
  }

  private async lookAt(instance: Instance): Promise<void> {
    const { loaded_at: loadedAt } = await oneRow<SettingsLoadRow>(instance.observer, SETTINGS_LOAD);
    if (this.last?.instance === instance && this.last.loadedAt === loadedAt) return;
    const seen = await settingsOf(instance);
    if (this.options.instance() !== instance) return;
    this.last = { instance, loadedAt };
    const text = JSON.stringify(seen);
    if (text !== this.told) this.options.seen(seen);
    this.told = text;
  }
}

async function settingsOf(instance: Instance): Promise<SettingsSeen> {
  const { start } = instance;
  const settings = {
    running: await startedWith(start.dataDir),
    wanted: await wantedNow(start),
    filed: inFile(start.userSettings),
    userSettings: start.userSettings ?? {},
  };
  const rows = await instance.observer.query<SettingWaitingRow>(SETTINGS_WAITING, [asksFor(settings)]);
  return { postmasterPid: instance.running.pid, ...waitingIn(settings, rows) };
}

/** The command line that a start would have now. */
async function wantedNow(start: SafeStartOptions): Promise<Map<string, string>> {
  const floors = (await readControlData(resolve(start.dataDir))).primarySettings;
  const configFile = settingsFileOf(start.stateDir);
  const args = commandLine({ ...start, ...placesOf(start.stateDir), configFile, major: start.binaries.major, floors });
  return commandLineIn(` "${args.join('" "')}"`);
}

/** What was changed in the configuration while no sidecar was there, as far as a reload brings it. */
export async function applySettings(instance: Instance): Promise<void> {
  const { start } = instance;
  const changed = await writeSettingsFile(start);
  if (!changed) return;
  const ours = Object.keys(inFile(start.userSettings)).map((name) => [name, null] as const);
  await writeAutoConf(start.dataDir, Object.fromEntries(ours), start.user);
  await instance.session.query("SELECT pg_reload_conf()");
}
