import type { Observation } from "../../src/core/events.js";
import type { Postgres } from "./postgres.js";
import { lsnOf } from "./wal.js";

const IDLE_LOOK_US = 1_000_000;
const UNANSWERED_US = 250_000;

/** The adapter's looks at its Postgres. One that would show what the last one showed is left out, but for a slow beat. */
export class Observer {
  private atUs = 0;
  private planned = false;
  private everyUs = IDLE_LOOK_US;
  private as: "leader" | "follower" | "idle" = "idle";
  private lookedUs = 0;

  constructor(private readonly postgres: Postgres) {}

  pace(everyMs: number, as: "leader" | "follower" | "idle"): void {
    this.everyUs = everyMs * 1000;
    this.as = as;
    this.changed();
  }

  idle(): void {
    this.as = "idle";
  }

  forget(): void {
    this.planned = false;
  }

  /** Postgres is frozen: the next look is not answered, and the adapter says so. */
  frozen(): void {
    const { machine, epoch } = this.postgres;
    // Elsewhere nobody listens to it.
    if (!machine.world.config.progress) return;
    const askedUs = Math.max(machine.world.nowUs, this.lookedUs + IDLE_LOOK_US);
    machine.world.after(askedUs + UNANSWERED_US - machine.world.nowUs, () => {
      const { boot } = machine;
      const hangs = this.postgres.pausedUntilUs > machine.world.nowUs && this.postgres.epoch === epoch;
      if (!hangs || this.as === "idle" || !this.postgres.running || !this.postgres.operations.watched) return;
      machine.whenAwake(() => {
        const report = { kind: "unanswered", ms: UNANSWERED_US / 1000 } as const;
        if (machine.boot === boot) machine.deliver({ kind: "postgres", report });
      });
    });
  }

  /** Something that a look would show is different now. */
  changed(): void {
    if (this.as === "idle" || !this.postgres.running) return;
    this.plan(Math.max(this.postgres.machine.world.nowUs + 200, this.lookedUs + this.everyUs));
  }

  private plan(atUs: number): void {
    const { world } = this.postgres.machine;
    if (this.planned && this.atUs <= atUs) return;
    this.planned = true;
    this.atUs = atUs;
    this.postgres.wait(atUs - world.nowUs, () => {
      if (this.atUs !== atUs) return;
      this.planned = false;
      this.look();
    });
  }

  private look(): void {
    const { postgres } = this;
    const { machine } = postgres;
    if (this.as === "idle" || machine.loop === null || !postgres.operations.watched) return;
    this.lookedUs = machine.world.nowUs;
    this.plan(this.lookedUs + Math.max(IDLE_LOOK_US, this.everyUs));
    // The query of the other role fails.
    if ((this.as === "leader") !== (postgres.primary !== null)) return;
    const { boot } = machine;
    const observation = this.observation();
    machine.whenAwake(() => {
      if (machine.boot === boot) machine.deliver({ kind: "postgres", report: { kind: "observed", observation } });
    });
  }

  private observation(): Observation {
    const { postgres } = this;
    const primary = postgres.primary !== null;
    return {
      flushLsn: postgres.flushed === null ? 0n : BigInt(lsnOf(postgres.flushed)),
      replayLsn: primary || postgres.replayed === null ? null : BigInt(lsnOf(postgres.replayed)),
      postmasterPid: postgres.epoch,
      streaming: !primary && postgres.replication.streams,
      names: primary ? postgres.names.text : null,
      senders: primary ? postgres.replication.seen() : [],
      rulesets: primary ? null : postgres.rulesets(),
    };
  }
}
