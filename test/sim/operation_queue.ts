import type { OpId, PostgresAction } from "../../src/core/effects.js";
import type { PostgresReport } from "../../src/core/events.js";
import { formatPosition } from "../../src/core/log/position.js";
import type { Postgres } from "./postgres.js";

export interface Queued {
  readonly op: OpId;
  readonly action: PostgresAction;
  readonly boot: number;
}

export type Report = Extract<PostgresReport, { readonly op: OpId }>;
export type WithoutOp<T> = T extends unknown ? Omit<T, "op"> : never;

/** In microseconds, from and to. */
export type Range = readonly [number, number];

export const FOLLOW: Range = [1_000, 8_000];

/** One operation at a time, in order; each may fail before or after it did its work (POSTGRES.md: whatever can break, does). */
export abstract class OperationQueue {
  protected queue: Queued[] = [];
  protected current: Queued | null = null;

  constructor(protected readonly postgres: Postgres) {}

  protected abstract begin(action: PostgresAction): void;

  protected get world() {
    return this.postgres.machine.world;
  }

  protected next(): void {
    if (this.current !== null) return;
    const next = this.queue.shift();
    if (next === undefined) return;
    this.current = next;
    const { operationFails, operationSlow, detectMs } = this.world.config;
    const { rng } = this.postgres.machine;
    const calm = this.world.network.calm;
    if (!calm && rng.chance(operationFails) && rng.below(2) === 0) {
      this.world.mark(`operation_failed_before ${next.action.kind}`);
      this.step(1_000, () => this.fail("failed before it began"));
      return;
    }
    const slow = !calm && rng.chance(operationSlow) ? rng.below(detectMs * 2000) : 0;
    this.step(slow, () => this.begin(next.action));
  }

  /** A step of the operation under way, done if its sidecar still lives. */
  protected step(us: number, run: () => void): void {
    const operation = this.current;
    const { machine } = this.postgres;
    this.world.after(machine.slow(this.world.hurried ? us / 10 : us), () => {
      if (operation === null || this.current !== operation || machine.boot !== operation.boot) return;
      machine.whenAwake(() => {
        if (this.current === operation && machine.boot === operation.boot) run();
      });
    });
  }

  protected takeStep(range: Range, run: () => void): void {
    this.step(this.postgres.machine.rng.between(range[0], range[1]), run);
  }

  /** A step that needs a Postgres that answers. */
  protected running(range: Range, run: () => void): void {
    this.takeStep(range, () => {
      const { postgres } = this;
      if (!postgres.running) return this.fail("Postgres is not running");
      const frozenUs = postgres.pausedUntilUs - this.world.nowUs;
      if (frozenUs > 0) this.step(frozenUs, run);
      else run();
    });
  }

  protected take(range: Range, run: () => void): void {
    this.postgres.later(this.postgres.machine.rng.between(range[0], range[1]), run);
  }

  protected finish(report: WithoutOp<Report>): void {
    const operation = this.current;
    if (operation === null) return;
    const { rng } = this.postgres.machine;
    const { world } = this;
    if (!world.network.calm && rng.chance(world.config.operationFails) && rng.below(2) === 0) {
      world.mark(`operation_failed_after ${operation.action.kind}`);
      return this.fail("its outcome was lost");
    }
    world.say(`${this.postgres.machine.id} postgres ${describe(operation.action)}${outcome(report)}`);
    this.end(operation, { ...report, op: operation.op } as Report);
  }

  protected fail(reason: string): void {
    const operation = this.current;
    if (operation === null) return;
    this.world.say(`${this.postgres.machine.id} postgres ${describe(operation.action)} FAILED: ${reason}`);
    const data = this.postgres.hasData ? "present" : "absent";
    this.end(operation, { kind: "failed", op: operation.op, reason, data });
  }

  protected end(operation: Queued, report: Report): void {
    this.current = null;
    this.postgres.report(report, operation.boot);
    this.next();
  }
}

function describe(action: PostgresAction): string {
  switch (action.kind) {
    case "follow":
    case "clone":
      return `${action.kind} ${action.leader}@${action.term}`;
    case "promote":
      return `promote to ${action.term} with ${action.names}`;
    case "write_record":
      return `writes ${action.record.state} (${action.record.number.term}, ${action.record.number.subterm})`;
    case "set_door":
      return action.open ? "opens its door" : "shuts its door";
    case "set_names":
      return `names ${action.names}`;
    default:
      return action.kind;
  }
}

function outcome(report: WithoutOp<Report>): string {
  if (report.kind === "revoked") return `: stands at ${formatPosition(report.position)}`;
  if (report.kind === "record_written") return ` at ${report.lsn}`;
  return "";
}
