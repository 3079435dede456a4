import type { Ruleset, RulesetNumber, RulesetRecord } from "../../src/core/ruleset/ruleset.js";
import { compareNumbers } from "../../src/core/ruleset/ruleset.js";
import type { Machine } from "./machine.js";
import { enough, obliging } from "./oracle.js";
import type { Tip } from "./wal.js";
import { holds, rulesetsOf, sayTip } from "./wal.js";
import type { World } from "./world.js";

/** What is durable, looked at from above: by the copies on all disks, and by the rules that a log obliges to. */
export class Durability {
  /** Marks (decided, void), each with the place where it was written. */
  readonly marks = new Map<RulesetRecord, Tip>();
  /** What the recruitment of a term proved void. Its leader's sidecar may be gone before that is written. */
  readonly provedVoid = new Map<bigint, RulesetNumber>();

  constructor(private readonly world: World) {}

  /** Under every ruleset in force by the leader's own log as it is now: what it proposed, marked or voided since counts. */
  mustBeDurable(invariant: string, leader: Machine, tip: Tip, what: string): Ruleset[] {
    const rulesets = this.obligedAt(leader.postgres.flushed ?? tip, leader);
    for (const ruleset of rulesets) {
      if (!this.heldByEnough(ruleset, leader, tip))
        this.world.violate(invariant, `${sayTip(tip)} ${what} with copies on ${this.holders(tip).join(", ")} only`);
    }
    return rulesets;
  }

  heldByEnough(ruleset: Ruleset, leader: Machine, tip: Tip): boolean {
    const by = { id: leader.id, incarnation: leader.disk?.incarnation ?? "" };
    return enough(ruleset, by, (id, incarnation) => {
      const machine = this.world.named(id);
      if (machine === undefined) return false;
      if (machine.disk?.incarnation === incarnation && holds(machine.postgres.flushed, tip)) return true;
      // A copy that was there and was destroyed by a fault that no policy covers: not the leader's mistake.
      return machine.formerCopies.some((copy) => copy.incarnation === incarnation && holds(copy.tip, tip));
    });
  }

  holders(tip: Tip): string[] {
    return this.world.machines.filter((m) => holds(m.postgres.flushed, tip)).map((m) => m.id);
  }

  /**
   * By the log itself. A mark lets the rules before it go once it is durable under the new ones; to whoever was elected
   * by a log that has it, they are gone (DESIGN 5.3, 6.4).
   */
  obligedAt(tip: Tip, leader: Machine): Ruleset[] {
    return obliging(this.recordsFor(tip, leader), (mark) => {
      const at = this.marks.get(mark);
      const ruleset = at === undefined ? undefined : obliging(rulesetsOf(at)).at(-1);
      return (
        at === undefined ||
        ruleset === undefined ||
        at.branch.timeline < tip.branch.timeline ||
        this.heldByEnough(ruleset, this.world.machine(at.branch.writer), at)
      );
    });
  }

  /**
   * What a recruitment proved void is so before the leader has written that (DESIGN 6.5). That it is proved is seen from
   * above: nobody ever marked it.
   */
  private recordsFor(tip: Tip, leader: Machine): readonly RulesetRecord[] {
    const records = rulesetsOf(tip);
    const term = tip.branch.timeline;
    const number = this.provedVoid.get(term);
    if (number === undefined) return records;
    for (const mark of this.marks.keys())
      if (mark.state === "decided" && compareNumbers(mark.number, number) === 0)
        this.world.violate("I7", `${leader.id} holds (${number.term}, ${number.subterm}) to be void, which was marked`);
    const own = records.findIndex((r) => r.number.term === term);
    const at = own < 0 ? records.length : own;
    return [
      ...records.slice(0, at),
      { number, state: "void", ruleset: null, writtenBy: leader.id },
      ...records.slice(at),
    ];
  }
}
