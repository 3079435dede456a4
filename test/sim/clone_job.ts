import type { OpId, PostgresAction } from "../../src/core/effects.js";
import type { Report } from "./operation_queue.js";
import type { Postgres } from "./postgres.js";
import type { Tip } from "./wal.js";
import { positionOf } from "./wal.js";

const CLONE_US = [50_000, 1_500_000] as const;

export interface Clone {
  readonly op: OpId;
  readonly boot: number;
  readonly term: bigint;
  ready: { readonly tip: Tip; readonly system: string } | null;
}

/** Grows beside the data, one at a time (POSTGRES.md D): interrupted by whatever happens to either end. */
export class CloneJob {
  current: Clone | null = null;

  constructor(private readonly postgres: Postgres) {}

  /** A base backup of the leader, beside the data: it ends with all that the leader had flushed when it ended. */
  start(op: OpId, action: Extract<PostgresAction, { kind: "clone" }>, boot: number): void {
    const { postgres } = this;
    const { machine } = postgres;
    const { world } = machine;
    const clone: Clone = { op, boot, term: action.term, ready: null };
    this.current = clone;
    const leader = world.named(action.leader);
    const done = (report: Report) => {
      if (this.current === clone) postgres.report(report, boot);
    };
    const failed = (reason: string) => {
      world.mark("clone_interrupted");
      done({ kind: "failed", op, reason, data: postgres.hasData ? "present" : "absent" });
    };
    if (leader === undefined) return failed("no address is known");
    const reachable = () => leader.postgres.running && world.network.bothWays(machine.index, leader.index, "wal");
    const { epoch } = leader.postgres;
    const us = machine.slow(machine.rng.between(CLONE_US[0], CLONE_US[1]) / (world.hurried ? 10 : 1));
    const look = (leftUs: number) => {
      world.after(Math.min(leftUs, 200_000), () => {
        if (this.current !== clone || machine.boot !== boot) return;
        const from = leader.postgres;
        // A standby serves a base backup as well, of what it has replayed.
        const served = from.primary !== null ? from.flushed : world.config.cascades > 0 ? from.replayed : null;
        if (!reachable() || from.epoch !== epoch || served === null) return failed("the leader is gone");
        if (leftUs > 200_000) return look(leftUs - 200_000);
        if (!world.network.calm && machine.rng.chance(world.config.operationFails)) return failed("no space left");
        clone.ready = { tip: served, system: from.system ?? "" };
        const position = positionOf(served);
        done({ kind: "cloned", op, position, systemIdentifier: clone.ready.system });
      });
    };
    look(us);
  }
}
