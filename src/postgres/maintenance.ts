import type { PostgresReport } from "../core/events.js";
import type { NodeId } from "../core/ruleset/ruleset.js";
import type { Instance } from "./instance.js";
import type { LeadershipKeeper } from "./leadership_keeper.js";
import { readNewest } from "./ruleset_table.js";
import { maintainSlots } from "./slots.js";

interface MaintenanceOptions {
  readonly operations: { readonly instance: Instance | null; readonly followers: readonly NodeId[] };
  readonly leaderships: LeadershipKeeper;
  readonly report: (report: PostgresReport) => void;
  readonly warn: (text: string, cause: unknown) => void;
}

/** What is done to a running Postgres now and then, while nobody waits. */
export function maintainer({ operations, leaderships, report, warn }: MaintenanceOptions) {
  /** What was last said of the table of rulesets. */
  let tableTrouble = "";
  return async (instance: Instance, as: "leader" | "follower"): Promise<void> => {
    await maintainSlots(instance.observer, as, operations.followers);
    if (as === "follower") return;
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
