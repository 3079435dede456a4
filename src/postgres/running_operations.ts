import type { MadeCredentials } from "../agent/ports.js";
import type { PostgresAction } from "../core/effects.js";
import type { Lsn } from "../core/log/lsn.js";
import type { Seat } from "../core/ruleset/seats.js";
import { Archiver } from "./archiving.js";
import { doorOf } from "./door_of.js";
import { type DoorOptions, openDoor, shutDoor } from "./doors.js";
import { drain } from "./drain.js";
import type { Instance } from "./instance.js";
import type { LocalOptions } from "./local_options.js";
import { checkpoint } from "./promote.js";
import { letRewindFrom } from "./rewind_job.js";
import { serveOnly } from "./slots.js";
import { WAL_MARK } from "./sql/wal_mark.js";
import { putNamesInForce } from "./sync_names.js";
import { waysOf } from "./ways.js";
import { writeRecord } from "./write_record.js";

const DOOR_DEADLINE_MS = 5_000;
const NAMES_DEADLINE_MS = 5_000;
const FOLLOWERS_DEADLINE_MS = 5_000;

/** What is done to a Postgres that runs, and leaves it what it is. */
export class RunningOperations {
  instance: Instance | null = null;
  /** Who gets a slot while this node leads. */
  followers: readonly Seat[] = [];
  protected door: "open" | "shut" = "shut";
  /** synchronous_standby_names as a connection showed it that was opened after they were set; null once they may differ. */
  protected provenNames: string | null = null;
  protected readonly archiver: Archiver;
  protected readonly options: LocalOptions;

  constructor(options: LocalOptions) {
    this.options = options;
    this.archiver = new Archiver(options.start, options.timed);
  }

  async writeRecord(
    action: Extract<PostgresAction, { kind: "write_record" }>,
    credentials: MadeCredentials | null,
  ): Promise<Lsn> {
    return writeRecord(this.need().session, action, this.options.start.hba, credentials);
  }

  /** Of a leader that hands over; its followers stream on. */
  async drain(deadlineMs: number): Promise<void> {
    const { session, observer } = this.need();
    await drain({ ...this.doorOptions(), deadlineMs, session, spare: [observer.backendPid] });
    this.door = "shut";
  }

  async setDoor(open: boolean): Promise<void> {
    const instance = this.need();
    const { session, observer } = instance;
    const common = this.doorOptions();
    // Open from the moment it may be, shut only when it is proven to be.
    if (open) {
      this.door = "open";
      await openDoor(common);
      return this.archiver.begin(waysOf(instance));
    }
    await shutDoor({ ...common, session, spare: [observer.backendPid], walsenders: "end" });
    this.door = "shut";
  }

  private doorOptions(): DoorOptions {
    return { ...doorOf(this.need(), this.options.start), deadlineMs: DOOR_DEADLINE_MS };
  }

  async setNames(names: string): Promise<void> {
    const instance = this.need();
    this.provenNames = null;
    const options = { session: instance.session, ways: waysOf(instance), names, deadlineMs: NAMES_DEADLINE_MS };
    const outcome = await putNamesInForce(options);
    if (outcome.kind === "failed") throw new Error(outcome.reason);
  }

  async setFollowers(followers: readonly Seat[]): Promise<void> {
    this.followers = followers;
    await serveOnly(this.need().session, followers, FOLLOWERS_DEADLINE_MS);
  }

  /** One statement on the session that looks: a connection would cost a fork in the middle of a failover. */
  async nudge(): Promise<void> {
    await this.need().observer.query(WAL_MARK);
  }

  async checkpoint(): Promise<void> {
    await this.need().fresh(async (session) => {
      await checkpoint(session);
      await letRewindFrom(session, this.options.start.hba.replicationUser);
    });
  }

  protected need(): Instance {
    if (this.instance === null) throw new Error("Postgres is not running");
    return this.instance;
  }
}
