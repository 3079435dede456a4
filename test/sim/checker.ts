/**
 * The invariants of DESIGN 9, looked at from above, where all disks can be read at once. Everything is incremental:
 * what was acknowledged or shown, and the first records of established leaders, form one chain; its end is kept.
 */
import type { PromoteRequest } from "../../src/core/messages.js";
import type { RulesetNumber, RulesetRecord } from "../../src/core/ruleset/ruleset.js";
import { compareNumbers } from "../../src/core/ruleset/ruleset.js";
import { Durability } from "./durability.js";
import { markLeasesAwaited } from "./lease_marks.js";
import type { Machine } from "./machine.js";
import { obliging, rulesetText } from "./oracle.js";
import type { Postgres } from "./postgres.js";
import type { Branch, Tip } from "./wal.js";
import { cutAt, holds, placeOf, positionOf, rulesetsOf, sayTip } from "./wal.js";
import type { World } from "./world.js";

interface Watched {
  term: bigint;
  stage: string;
  changing: string;
}

/** A choice that a coordinator sent out: what it lacks may never be acknowledged by an earlier term (I4). */
interface Chosen {
  readonly term: bigint;
  readonly at: Tip | null;
}

export class Checker {
  /** The end of everything decided: acknowledged, shown by a leader, or an established leader's first record. */
  decided: Tip | null = null;
  /** Terms that were established, with the first ruleset record of each. */
  readonly established = new Map<bigint, { readonly machine: Machine; readonly tip: Tip; readonly atUs: number }>();
  acknowledgedCount = 0;
  private readonly branches = new Map<bigint, Branch>();
  private readonly chosen: Chosen[] = [];
  private readonly watched: Watched[] = [];
  private readonly electing: string[] = [];
  private readonly firstRecords = new Map<bigint, Tip>();
  private readonly durability: Durability;

  constructor(private readonly world: World) {
    this.durability = new Durability(world);
  }

  started(machine: Machine): void {
    this.watched[machine.index] = { term: 0n, stage: "", changing: "" };
    this.electing[machine.index] = "idle";
  }

  // ---- elections (I3, I4) ----

  private choose(machine: Machine, request: PromoteRequest): void {
    // Looked at after every event: only a new choice is news.
    if (this.chosen.some((c) => c.term === request.term)) return;
    if (request.voids !== null) this.durability.provedVoid.set(request.term, request.voids);
    // Where a log stands at that position: everybody who stands there has the same one.
    const holder = this.world.machines.find((m) => {
      const at = positionOf(m.postgres.flushed);
      return at.timeline === request.position.timeline && at.lsn >= request.position.lsn;
    });
    if (holder === undefined) return;
    const at = cutAt(holder.postgres.flushed, request.position.lsn, request.position.timeline);
    this.chosen.push({ term: request.term, at });
    this.world.mark("chosen");
    if (machine.durable().promise.term > request.term) this.world.mark("chosen_though_outbid");
    if (this.decided !== null && this.decided.branch.timeline < request.term && !holds(at, this.decided))
      this.world.violate(
        "I1",
        `term ${request.term} is to be led from ${sayTip(at)}, which lacks ${sayTip(this.decided)}`,
      );
  }

  /** A Postgres left recovery. */
  promoted(postgres: Postgres, branch: Branch): void {
    const before = this.branches.get(branch.timeline);
    if (before !== undefined)
      this.world.violate(
        "I3",
        `timeline ${branch.timeline} was begun by n${before.writer + 1} and by ${postgres.machine.id}`,
      );
    this.branches.set(branch.timeline, branch);
    if (postgres.machine.witness) this.world.violate("I3", `${postgres.machine.id} is a witness, and is promoted`);
    const disk = postgres.machine.disk;
    if (disk === null || disk.promotionStarted < branch.timeline)
      this.world.violate(
        "I3",
        `${postgres.machine.id} is promoted to ${branch.timeline}, which its disk knows nothing of`,
      );
    const tip = { branch, count: 0 };
    if (this.decided !== null && this.decided.branch.timeline < branch.timeline && !holds(tip, this.decided))
      this.world.violate(
        "I1",
        `${postgres.machine.id} is promoted to ${branch.timeline} without ${sayTip(this.decided)}`,
      );
  }

  // ---- acknowledgements (I1, I2, I4, I6) ----

  acknowledged(postgres: Postgres, tip: Tip, by: string): void {
    this.acknowledgedCount++;
    this.world.say(`${postgres.machine.id} acknowledges ${sayTip(tip)} (${by})`);
    this.decide(tip, `${postgres.machine.id} acknowledged`);
    const { timeline } = tip.branch;
    for (const { term, at } of this.chosen) {
      if (term > timeline && !holds(at, tip))
        this.world.violate("I4", `${postgres.machine.id} acknowledges ${sayTip(tip)}, which term ${term} lacks`);
    }
    const rulesets = this.durability.mustBeDurable("I6", postgres.machine, tip, "was acknowledged");
    if (rulesets.length > 1 && new Set(rulesets.map(rulesetText)).size > 1)
      this.world.mark("acknowledged_under_a_joint_rule");
  }

  /** A session of a client works on a primary. */
  admitted(postgres: Postgres, term: bigint): void {
    const { machine } = postgres;
    if (!this.established.has(term))
      this.world.violate("I10", `${machine.id} serves clients under ${term} before it is established`);
  }

  /** What sessions of a leader see must be decided, or they would see it vanish (I10). */
  shown(postgres: Postgres, tip: Tip): void {
    const { primary, machine } = postgres;
    if (primary === null) return;
    this.decide(tip, `${machine.id} showed`);
    this.world.staleReads.read(postgres);
  }

  /** A standby's session reads: it shows nothing before it streams. */
  shownByStandby(postgres: Postgres): void {
    if (!postgres.streamedSinceStart)
      this.world.violate(
        "I10",
        `${postgres.machine.id} shows clients what it held when it started, and has not streamed`,
      );
  }

  private decide(tip: Tip, who: string): void {
    const { decided } = this;
    if (holds(tip, decided)) this.decided = tip;
    else if (!holds(decided, tip))
      this.world.violate("I1", `${who} ${sayTip(tip)}, but ${sayTip(decided)} was decided before`);
  }

  // ---- rulesets (I7) and establishment ----

  recordWritten(postgres: Postgres, tip: Tip, record: RulesetRecord): void {
    if (record.state === "proposed") {
      if (record.number.subterm === 0 && !this.firstRecords.has(record.number.term))
        this.firstRecords.set(record.number.term, tip);
      return;
    }
    this.durability.marks.set(record, tip);
    if (record.state === "void") {
      if (this.world.config.leases) this.world.mark("void_written_with_leases");
      return;
    }
    const records = rulesetsOf(tip);
    const proposal = [...records]
      .reverse()
      .find(
        (r) =>
          r.state === "proposed" && r.number.term === record.number.term && r.number.subterm === record.number.subterm,
      );
    if (proposal === undefined)
      this.world.violate("I7", `${postgres.machine.id} marks a ruleset decided that its log lacks`);
    this.markDecided(records, proposal);
    const before = { branch: tip.branch, count: tip.count - 1 };
    const at = placeOf(before, proposal);
    if (at === null) return;
    for (const ruleset of this.durability.obligedAt(before, postgres.machine)) {
      if (!this.durability.heldByEnough(ruleset, postgres.machine, at))
        this.world.violate(
          "I7",
          `ruleset (${record.number.term}, ${record.number.subterm}) is marked decided, held by ${this.durability.holders(at).join(", ")} only`,
        );
    }
  }

  private markDecided(records: readonly RulesetRecord[], proposal: RulesetRecord): void {
    const { number, ruleset } = proposal;
    const found = obliging(records.filter((r) => r.number.term < number.term));
    const finishes = number.subterm === 0 && new Set(found.map(rulesetText)).size > 1;
    this.world.operators.decided(number, finishes ? found.at(-1) : undefined);
    if (finishes) {
      this.world.mark("found_undecided_finished");
      if (this.world.config.leases) this.world.mark("found_undecided_finished_with_leases");
    }
    const isBack = ruleset?.cohort.some((m) => {
      const machine = this.world.named(m.id);
      return machine !== undefined && machine.incarnations > 1 && machine.disk?.incarnation === m.incarnation;
    });
    if (isBack) this.world.mark("wiped_node_put_back");
  }

  /** An operator was told that this ruleset is in force: from now on every leader's log has its mark. */
  changeDone(machine: Machine, number: RulesetNumber): void {
    const log = machine.postgres.flushed;
    const mark = rulesetsOf(log).find((r) => r.state === "decided" && compareNumbers(r.number, number) === 0);
    const at = mark === undefined ? undefined : this.durability.marks.get(mark);
    const name = `(${number.term}, ${number.subterm})`;
    if (at === undefined)
      this.world.violate("ledger", `${machine.id} reports ruleset ${name} done, which its log does not mark`);
    if (this.world.config.leases) this.world.mark("change_done_with_leases");
    this.durability.mustBeDurable("I7", machine, at, `, the mark of ${name}, was reported done`);
    this.decide(at, `${machine.id} reported ${name} done:`);
  }

  /** An operator was told that this ruleset is void: from now on every leader's log says so, and nobody decides it. */
  changeVoided(machine: Machine, number: RulesetNumber): void {
    const log = machine.postgres.flushed;
    const record = rulesetsOf(log).find((r) => r.state === "void" && compareNumbers(r.number, number) === 0);
    const at = record === undefined ? undefined : this.durability.marks.get(record);
    const name = `(${number.term}, ${number.subterm})`;
    if (at === undefined)
      this.world.violate("ledger", `${machine.id} reports ruleset ${name} voided, which its log does not say`);
    this.durability.mustBeDurable("ledger", machine, at, `, the void of ${name}, was reported`);
    this.decide(at, `${machine.id} reported ${name} voided:`);
  }

  /** After every event that a loop handled. */
  look(machine: Machine): void {
    const { loop } = machine;
    if (loop === null) return;
    const { leading, election } = loop.state.volatile;
    if (election.stage === "promoting") this.choose(machine, election.request);
    if (election.stage !== this.electing[machine.index]) {
      this.electing[machine.index] = election.stage;
      if (election.stage === "recruiting" && this.electing.filter((s) => s === "recruiting").length > 1)
        this.world.mark("two_coordinators");
    }
    const seen = this.watched[machine.index];
    if (seen === undefined) return;
    const stage = leading?.stage ?? "";
    const changing = leading?.change?.stage ?? "";
    if (changing !== seen.changing) {
      seen.changing = changing;
      if (changing === "writing") this.world.mark("joint_rule_in_force");
    }
    const term = leading?.term ?? 0n;
    if (seen.stage === stage && seen.term === term) return;
    seen.stage = stage;
    seen.term = term;
    if (stage === "established" && !this.established.has(term)) this.establish(machine, term);
  }

  private establish(machine: Machine, term: bigint): void {
    const tip = this.firstRecords.get(term);
    if (tip === undefined)
      this.world.violate("I1", `${machine.id} is established under ${term} without a first record`);
    if (tip.branch.writer !== machine.index)
      this.world.violate("I3", `${machine.id} is established under the term of another`);
    this.durability.mustBeDurable("I6", machine, tip, `established ${machine.id}`);
    this.decide(tip, `${machine.id} was established with`);
    this.markEstablished(machine, term, tip);
    markLeasesAwaited(machine);
    this.established.set(term, { machine, tip, atUs: this.world.nowUs });
    this.world.staleReads.established(term);
  }

  private markEstablished(machine: Machine, term: bigint, tip: Tip): void {
    const { world } = this;
    world.mark("established");
    const terms = [...this.established.keys()];
    if (terms.length > 0) world.mark("established_after_another");
    if (terms.some((t) => this.established.get(t)?.machine === machine)) world.mark("leader_again");
    if (this.durability.holders(tip).length === world.machines.length - 1) world.mark("established_by_all_but_one");
    const before = terms.reduce((a, b) => (a > b ? a : b), 0n);
    for (const t of this.branches.keys()) if (t > before && t < term) world.mark("promoted_but_never_established");
    for (const { term: t } of this.chosen)
      if (t > before && t < term && !this.branches.has(t)) world.mark("chosen_but_never_established");
  }

  door(postgres: Postgres): void {
    if (postgres.door === "shut") return;
    this.world.staleReads.look(postgres);
    if (postgres.primary !== null && !this.established.has(postgres.primary))
      this.world.violate(
        "I10",
        `${postgres.machine.id} opens its door under ${postgres.primary} before it is established`,
      );
    if (postgres.primary === null) this.world.mark("standby_opens");
  }
}
