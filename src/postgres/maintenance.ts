import type { PostgresReport } from "../core/events.js";
import type { KeptSlot } from "../core/kept_slots.js";
import type { Seat } from "../core/ruleset/seats.js";
import type { Instance } from "./instance.js";
import type { LeadershipKeeper } from "./leadership_keeper.js";
import { readNewest } from "./ruleset_table.js";
import { maintainSlots, serveOnly } from "./slots.js";

const SERVE_DEADLINE_MS = 1_000;

interface MaintenanceOptions {
  readonly operations: { readonly instance: Instance | null; readonly followers: readonly Seat[] };
  readonly leaderships: LeadershipKeeper;
  /** Begins to count the data, which a later rejoin will want to know. */
  readonly count: () => void;
  /** Of a follower: for whom it keeps WAL; null: not known. */
  readonly slots: () => readonly KeptSlot[] | null;
  readonly report: (report: PostgresReport) => void;
  readonly warn: (text: string, cause: unknown) => void;
}

/** What is done to a running Postgres now and then, while nobody waits. */
export function maintainer({ operations, leaderships, count, slots, report, warn }: MaintenanceOptions) {
  /** What was last said of the table of rulesets. */
  let tableTrouble = "";
  return async (instance: Instance, as: "leader" | "follower"): Promise<void> => {
    count();
    const { followers } = operations;
    await maintainSlots(instance.observer, as, followers, slots());
    if (as === "follower") return;
    // What was made for somebody who is served no more since is undone.
    if (operations.followers !== followers) await serveOnly(instance.observer, operations.followers, SERVE_DEADLINE_MS);
    const read = await readNewest(instance.observer).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      return { kind: "damaged", reason } as const;
    });
    if (operations.instance !== instance) return;
    const trouble = read.kind === "damaged" ? read.reason : read.kind === "locked" ? "somebody had locked it" : "";
    if (trouble !== tableTrouble && trouble !== "") warn(`quorate.ruleset_history cannot be read: ${trouble}`, trouble);
    tableTrouble = trouble;
    if (trouble === "") report({ kind: "records_seen", records: read.kind === "rows" ? read.rows : [] });
    await leaderships.keep(instance);
  };
}
