import type { Credentials } from "../agent/ports.js";
import type { PostgresAction } from "../core/effects.js";
import { REWIND_FROM_BYTES } from "../core/limits.js";
import type { History } from "../core/log/history.js";
import type { Position } from "../core/log/position.js";
import { comparePositions, formatPosition } from "../core/log/position.js";
import type { Seat } from "../core/ruleset/seats.js";
import type { SettingsSeen } from "../core/settings_seen.js";
import { catchUp } from "./catch_up.js";
import { holdsData } from "./data_dir.js";
import { fence } from "./fence.js";
import type { Candidate } from "./found.js";
import { foundAnew } from "./founding.js";
import { Instance } from "./instance.js";
import type { LocalOptions, LocalPostgresOptions, RevokedFacts } from "./local_options.js";
import type { Promoted } from "./promote.js";
import { checkpoint, promote } from "./promote.js";
import { discardOld, swap } from "./rejoin.js";
import { type RewindOptions, rewind } from "./rewind_job.js";
import { RewindMeans } from "./rewind_means.js";
import { readRulesets } from "./ruleset_table.js";
import { RunningOperations } from "./running_operations.js";
import { applySettings, SettingsLook } from "./settings_look.js";
import type { Place } from "./sources.js";
import { standStill } from "./stand_still.js";
import { upstream } from "./upstream.js";
import { waysOf } from "./ways.js";

/** Replay is part of an outage and may take long; this bounds a hang, not the work. */
const REVOKE_DEADLINE_MS = 600_000;
const PROMOTE_DEADLINE_MS = 10_000;

interface Watcher {
  readonly gone: (reason: string) => void;
  readonly settings: (seen: SettingsSeen) => void;
}

/** Each operation of the core, done to a real Postgres, one at a time: here those that change what it is. */
export class Operations extends RunningOperations {
  /** Aborted for good when the sidecar stops: nothing is started or promoted any more. */
  readonly closing = new AbortController();
  /** From the moment a promotion is asked for, this may be a primary, and is fenced before it becomes a standby again. */
  private maybePrimary = false;
  readonly cloneDir: string;
  readonly oldDir: string;
  readonly means: RewindMeans;
  private readonly watcher: Watcher;
  private readonly warn: LocalPostgresOptions["warn"];
  private readonly settings: SettingsLook;
  /** What an adopted one needs first: a reload of ours must not be mistaken for that of an operation. */
  adopting: Promise<void> = Promise.resolve();

  constructor(options: LocalOptions & Pick<LocalPostgresOptions, "warn">, watcher: Watcher) {
    super(options);
    this.watcher = watcher;
    this.warn = options.warn;
    const ending = this.closing.signal;
    this.settings = new SettingsLook({
      instance: () => this.instance,
      seen: watcher.settings,
      warn: options.warn,
      ending,
    });
    this.cloneDir = `${options.start.dataDir}.clone`;
    this.oldDir = `${options.start.dataDir}.old`;
    this.means = new RewindMeans(options.start, options.rewindFromBytes ?? REWIND_FROM_BYTES);
  }

  /** What a sidecar before this one left running, once the core has decided to go on with it. */
  adopt({ instance, facts }: Candidate, followers: readonly Seat[]): void {
    this.stopped();
    this.door = facts.door;
    this.maybePrimary = facts.as.kind === "primary";
    this.archiver.history = this.maybePrimary ? facts.history : null;
    this.followers = followers;
    this.watch(instance);
    this.adopting = applySettings(instance)
      .catch((error: unknown) => this.warn("settings of the configuration are not in force", error))
      .then(() => this.settings.look());
  }

  /** To be started again: whatever a clean stop does not end in time is killed. */
  async stop(): Promise<void> {
    await this.stopCleanly().catch((error: unknown) => this.warn("Postgres did not stop by itself", error));
    await this.fence();
  }

  /** `names`: what a promotion under the term that is being recruited would need in force; they take the same reload. */
  async revoke(names: string | null): Promise<RevokedFacts> {
    // Without a session of ours it may still run: it is ended before it is started.
    if (this.maybePrimary || this.instance === null) await this.fence();
    const instance = this.instance ?? (await this.start());
    this.provenNames = null;
    const { position, names: shown } = await standStill({
      instance,
      alongside: names === null ? {} : { synchronous_standby_names: names },
      deadlineMs: REVOKE_DEADLINE_MS,
    });
    this.provenNames = shown;
    const [read, means] = await Promise.all([readRulesets(instance.session), this.means.at(position)]);
    if (read.kind === "damaged") throw new Error(`the table of rulesets is damaged: ${read.reason}`);
    return {
      position,
      rulesets: read.kind === "rows" ? read.rows : [],
      systemIdentifier: await instance.systemIdentifier(),
      door: this.door,
      means,
    };
  }

  async follow(
    action: Extract<PostgresAction, { kind: "follow" }>,
    place: Place,
    credentials: Credentials,
  ): Promise<void> {
    const instance = this.need();
    const ways = waysOf(instance);
    await ways.setAutoConf(upstream(this.options, action.term, place, credentials));
    await ways.reload();
  }

  /** Ends where it is when it is cancelled; the caller compares. */
  async catchUp(
    action: Extract<PostgresAction, { kind: "catch_up" }>,
    place: Place,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<RevokedFacts> {
    const { self, start } = this.options;
    await catchUp({
      ...{ instance: this.need(), place, credentials, position: action.position, signal },
      ...{ replicationUser: start.hba.replicationUser, name: `${self}-catchup@${action.term}` },
    });
    return this.revoke(null);
  }

  async promote(
    action: Extract<PostgresAction, { kind: "promote" }>,
  ): Promise<{ history: History; systemIdentifier: string }> {
    let position = action.position;
    if (action.founding) position = await this.found();
    let outcome = await this.tryPromote(action, position);
    if (outcome.kind === "refused" && outcome.code === "history_above") {
      // Safe start forgets the timelines that this node never reached (POSTGRES.md trap 4).
      await this.fence();
      const { position: again } = await this.revoke(null);
      if (comparePositions(again, position) !== 0)
        throw new Error(`after a safe start it stands at ${formatPosition(again)}, not at ${formatPosition(position)}`);
      outcome = await this.tryPromote(action, position);
    }
    if (outcome.kind !== "promoted") throw new Error(outcome.reason);
    this.archiver.history = outcome.history;
    this.options.timed("promote: names in force and door shut", outcome.namesMs);
    this.options.timed("promote: out of recovery", outcome.recoveryMs);
    return { history: outcome.history, systemIdentifier: await this.need().systemIdentifier() };
  }

  private async tryPromote(action: Extract<PostgresAction, { kind: "promote" }>, position: Position) {
    const instance = this.need();
    if (this.closing.signal.aborted) throw new Error("the sidecar is being stopped");
    this.maybePrimary = true;
    this.followers = action.followers;
    return promote({
      session: instance.session,
      slotSession: instance.observer,
      ways: waysOf(instance),
      dataDir: this.options.start.dataDir,
      user: instance.user,
      term: action.term,
      position,
      names: action.names,
      namesProven: this.provenNames === action.names,
      followers: action.followers,
      keepPids: [instance.session.backendPid, instance.observer.backendPid],
      shutDoor: async () => {
        const fromMs = performance.now();
        if (this.door === "open") await this.setDoor(false);
        this.options.timed("promote: door shut", performance.now() - fromMs);
      },
      deadlineMs: PROMOTE_DEADLINE_MS,
    }) satisfies Promise<Promoted | { kind: string }>;
  }

  /**
   * A new cluster. The core asks for it only when every node is empty; a directory that is there nevertheless is one
   * that this node founded before and whose log holds no ruleset (DESIGN 8).
   */
  private async found(): Promise<Position> {
    const { start } = this.options;
    await this.fence();
    await foundAnew(start, this.options.walSegmentSizeMb);
    return (await this.revoke(null)).position;
  }

  /** A clean stop: renaming the directory of a killed Postgres leaks its shared memory (POSTGRES.md E). */
  private async stopCleanly(): Promise<void> {
    const { instance } = this;
    this.instance = null;
    if (instance !== null && !this.maybePrimary) await instance.stop();
    await fence({ dataDir: this.options.start.dataDir });
    this.stopped();
  }

  async rewind(options: Omit<RewindOptions, "self" | "start" | "startReceiving" | "signal">): Promise<void> {
    const { self: id, incarnation, start } = this.options;
    await this.stopCleanly();
    const startReceiving: RewindOptions["startReceiving"] = (receive) =>
      this.start({ ...start, receive, deadlineMs: REVOKE_DEADLINE_MS });
    await rewind({ ...options, self: { id, incarnation }, start, startReceiving, signal: this.closing.signal });
  }

  async swap(): Promise<void> {
    const { dataDir } = this.options.start;
    const hadData = await holdsData(dataDir);
    await this.stopCleanly();
    // What an earlier clone replaced is below what stands here now: the swap that put this here saw to that.
    if (hadData) await discardOld({ dataDir, oldDir: this.oldDir });
    await swap({ dataDir, cloneDir: this.cloneDir, oldDir: this.oldDir, user: this.options.start.user });
  }

  /** Of a standby a restartpoint, so that a stop or a crash has little left to do. */
  override checkpoint(): Promise<void> {
    return this.maybePrimary ? super.checkpoint() : this.need().fresh(checkpoint);
  }

  async fence(): Promise<void> {
    const { instance } = this;
    this.instance = null;
    await (instance?.fence() ?? fence({ dataDir: this.options.start.dataDir }));
    this.stopped();
  }

  private stopped(): void {
    this.provenNames = null;
    this.door = "shut";
    this.maybePrimary = false;
    this.archiver.history = null;
  }

  private async start(start = this.options.start): Promise<Instance> {
    if (this.closing.signal.aborted) throw new Error("the sidecar is being stopped");
    const instance = await Instance.start({ start, superuser: start.hba.superuser });
    this.stopped();
    this.watch(instance);
    void this.settings.look();
    return instance;
  }

  private watch(instance: Instance): void {
    this.instance = instance;
    const gone = (reason: string) => {
      if (this.instance !== instance) return;
      this.instance = null;
      this.watcher.gone(reason);
    };
    // One that was found may have been lost before it was adopted.
    if (instance.lost === null) instance.once("gone", gone);
    else gone(instance.lost);
  }

  /** Ends our sessions alone. */
  async leave(): Promise<void> {
    const { instance } = this;
    this.instance = null;
    await instance?.leave();
  }
}
