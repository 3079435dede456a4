import { rm } from "node:fs/promises";
import type { Credentials, MadeCredentials } from "../agent/ports.js";
import type { PostgresAction } from "../core/effects.js";
import type { KeeperReport } from "../core/events.js";
import { REWIND_FROM_BYTES } from "../core/limits.js";
import type { History } from "../core/log/history.js";
import type { Lsn } from "../core/log/lsn.js";
import type { Position } from "../core/log/position.js";
import { comparePositions, formatPosition } from "../core/log/position.js";
import { followerName } from "../core/quorum/sync_standby_names.js";
import type { NodeId } from "../core/ruleset/ruleset.js";
import { conninfo, NOTICED_WHEN_GONE } from "./conninfo.js";
import { holdsData } from "./data_dir.js";
import { openDoor, shutDoor } from "./doors.js";
import { fence, releaseSharedMemory } from "./fence.js";
import { initdb } from "./initdb.js";
import { Instance } from "./instance.js";
import type { LocalOptions } from "./local_options.js";
import type { Promoted } from "./promote.js";
import { checkpoint, promote } from "./promote.js";
import { discardOld, swap } from "./rejoin.js";
import type { RevokeWays } from "./revoke.js";
import { finalPosition, revoke } from "./revoke.js";
import { letRewindFrom, type RewindOptions, rewind } from "./rewind_job.js";
import { RewindMeans } from "./rewind_means.js";
import { readRulesets } from "./ruleset_table.js";
import { slotName } from "./slots.js";
import type { Place } from "./sources.js";
import { WAL_MARK } from "./sql/wal_mark.js";
import { putNamesInForce } from "./sync_names.js";
import { waysOf } from "./ways.js";
import { writeRecord } from "./write_record.js";

export type RevokedFacts = Omit<Extract<KeeperReport, { readonly kind: "revoked" | "caught_up" }>, "kind" | "op">;

/** Replay is part of an outage and may take long; this bounds a hang, not the work. */
const REVOKE_DEADLINE_MS = 600_000;
const PROMOTE_DEADLINE_MS = 10_000;
const DOOR_DEADLINE_MS = 5_000;
const NAMES_DEADLINE_MS = 5_000;

/** Each operation of the core, done to a real Postgres. The caller runs one at a time. */
export class Operations {
  instance: Instance | null = null;
  private door: "open" | "shut" = "shut";
  /** Aborted for good when the sidecar stops: nothing is started or promoted any more. */
  readonly closing = new AbortController();
  /** Who gets a slot while this node leads. */
  followers: readonly NodeId[] = [];
  /** From the moment a promotion is asked for, this may be a primary, and is fenced before it becomes a standby again. */
  private maybePrimary = false;
  /** synchronous_standby_names as a connection showed it that was opened after they were set; null once they may differ. */
  private provenNames: string | null = null;
  readonly cloneDir: string;
  readonly oldDir: string;
  readonly means: RewindMeans;
  private readonly options: LocalOptions;
  private readonly watcher: { gone(reason: string): void };

  constructor(options: LocalOptions, watcher: { gone(reason: string): void }) {
    this.options = options;
    this.watcher = watcher;
    this.cloneDir = `${options.start.dataDir}.clone`;
    this.oldDir = `${options.start.dataDir}.old`;
    this.means = new RewindMeans(options.start, options.rewindFromBytes ?? REWIND_FROM_BYTES);
  }

  /** `names`: what a promotion under the term that is being recruited would need in force; they take the same reload. */
  async revoke(names: string | null): Promise<RevokedFacts> {
    // Without a session of ours it may still run: it is ended before it is started.
    if (this.maybePrimary || this.instance === null) await this.fence();
    const instance = this.instance ?? (await this.start());
    const { session } = instance;
    let shown: string | null = null;
    const reached = waysOf(instance);
    const ways: RevokeWays = {
      ...reached,
      identify: async () => {
        const identity = await reached.identify();
        shown = identity.names;
        return identity;
      },
    };
    this.provenNames = null;
    const alongside = names === null ? {} : { synchronous_standby_names: names };
    await revoke({ session, ways, alongside, deadlineMs: REVOKE_DEADLINE_MS });
    const position = await finalPosition({
      session,
      ways,
      dataDir: this.options.start.dataDir,
      deadlineMs: REVOKE_DEADLINE_MS,
    });
    this.provenNames = shown;
    const read = await readRulesets(session);
    if (read.kind === "damaged") throw new Error(`the table of rulesets is damaged: ${read.reason}`);
    return {
      position,
      rulesets: read.kind === "rows" ? read.rows : [],
      systemIdentifier: await instance.systemIdentifier(),
      door: this.door,
      means: await this.means.at(position),
    };
  }

  async follow(
    action: Extract<PostgresAction, { kind: "follow" }>,
    place: Place,
    credentials: Credentials,
  ): Promise<void> {
    const instance = this.need();
    const ways = waysOf(instance);
    await ways.setAutoConf({
      primary_conninfo: conninfo({
        host: place.host,
        port: String(place.port),
        user: this.options.start.hba.replicationUser,
        password: credentials.replicationPassword,
        application_name: followerName(this.options.self, action.term),
        connect_timeout: "3",
        ...NOTICED_WHEN_GONE,
      }),
      primary_slot_name: slotName(this.options.self),
    });
    await ways.reload();
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
      const again = await this.revoke(null);
      if (comparePositions(again.position, position) !== 0)
        throw new Error(
          `after a safe start it stands at ${formatPosition(again.position)}, not at ${formatPosition(position)}`,
        );
      outcome = await this.tryPromote(action, position);
    }
    if (outcome.kind !== "promoted") throw new Error(outcome.reason);
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
    // A dead postmaster's segment is found again by the next start in the same directory, and by nobody in another one.
    await releaseSharedMemory(start.dataDir);
    await rm(start.dataDir, { recursive: true, force: true });
    await initdb({
      binaries: start.binaries,
      user: start.user,
      dataDir: start.dataDir,
      superuser: start.hba.superuser,
      ...(this.options.walSegmentSizeMb === undefined ? {} : { walSegmentSizeMb: this.options.walSegmentSizeMb }),
    });
    return (await this.revoke(null)).position;
  }

  async writeRecord(
    action: Extract<PostgresAction, { kind: "write_record" }>,
    credentials: MadeCredentials | null,
  ): Promise<Lsn> {
    return writeRecord(this.need().session, action, this.options.start.hba, credentials);
  }

  async setDoor(open: boolean): Promise<void> {
    const instance = this.need();
    const { running, user, session, observer } = instance;
    const common = {
      hbaFile: running.hbaFile,
      hba: this.options.start.hba,
      user,
      postmasterPid: running.pid,
      target: { host: running.socketDir, port: this.options.start.port },
      deadlineMs: DOOR_DEADLINE_MS,
    };
    // Open from the moment it may be, shut only when it is proven to be.
    if (open) {
      this.door = "open";
      await openDoor(common);
      return;
    }
    await shutDoor({ ...common, session, spare: [observer.backendPid], walsenders: "end" });
    this.door = "shut";
  }

  async setNames(names: string): Promise<void> {
    const instance = this.need();
    this.provenNames = null;
    const { session } = instance;
    const outcome = await putNamesInForce({ session, ways: waysOf(instance), names, deadlineMs: NAMES_DEADLINE_MS });
    if (outcome.kind === "failed") throw new Error(outcome.reason);
  }

  async nudge(): Promise<void> {
    // One statement on the session that looks: a connection of its own would cost a fork in the middle of a failover.
    await this.need().observer.query(WAL_MARK);
  }

  async checkpoint(): Promise<void> {
    await this.need().fresh(async (session) => {
      await checkpoint(session);
      await letRewindFrom(session, this.options.start.hba.replicationUser);
    });
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
    const { self, start } = this.options;
    await this.stopCleanly();
    const startReceiving: RewindOptions["startReceiving"] = (receive) =>
      this.start({ ...start, receive, deadlineMs: REVOKE_DEADLINE_MS });
    await rewind({ ...options, self, start, startReceiving, signal: this.closing.signal });
  }

  async swap(): Promise<void> {
    const { dataDir } = this.options.start;
    const hadData = await holdsData(dataDir);
    await this.stopCleanly();
    // What an earlier clone replaced is below what stands here now: the swap that put this here saw to that.
    if (hadData) await discardOld({ dataDir, oldDir: this.oldDir });
    await swap({ dataDir, cloneDir: this.cloneDir, oldDir: this.oldDir, user: this.options.start.user });
  }

  async fence(): Promise<void> {
    const { instance } = this;
    this.instance = null;
    if (instance === null) await fence({ dataDir: this.options.start.dataDir });
    else await instance.fence();
    this.stopped();
  }

  private stopped(): void {
    this.provenNames = null;
    this.door = "shut";
    this.maybePrimary = false;
  }

  private async start(start = this.options.start): Promise<Instance> {
    if (this.closing.signal.aborted) throw new Error("the sidecar is being stopped");
    const instance = await Instance.start({ start, superuser: start.hba.superuser });
    this.stopped();
    this.instance = instance;
    instance.once("gone", (reason) => {
      if (this.instance !== instance) return;
      this.instance = null;
      this.watcher.gone(reason);
    });
    return instance;
  }

  private need(): Instance {
    if (this.instance === null) throw new Error("Postgres is not running");
    return this.instance;
  }
}
