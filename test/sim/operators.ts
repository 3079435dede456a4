import {
  compareNumbers,
  type Policy,
  policyText,
  type Ruleset,
  type RulesetNumber,
  type RulesetRecord,
} from "../../src/core/ruleset/ruleset.js";
import type { ChangeRequest, ChangeResult, WantedMember } from "../../src/core/ruleset/wanted.js";
import type { Action, ChangeKind } from "./action.js";
import type { Machine } from "./machine.js";
import { Rng } from "./prng.js";
import type { World } from "./world.js";

/** What an operator knows of what it asked for, and what was written of it. */
interface Asked {
  outcome: "waiting" | ChangeResult["kind"];
  readonly written: RulesetRecord["state"][];
  /** What the first record for it was numbered. */
  number: RulesetNumber | null;
  proposed: Ruleset | null;
}

/**
 * Operators who change the rules, with a ledger. *Done* is a promise like an acknowledgement: the mark is durable and
 * every later leader has it. *Refused* says that nothing was written, then or later; *voided* that nobody ever decides it;
 * after *unknown* it may be either.
 */
export class Operators {
  private readonly ledger = new Map<string, Asked>();

  constructor(private readonly world: World) {}

  ask(machine: Machine, action: Extract<Action, { readonly kind: "change" }>): void {
    const { world } = this;
    const asked = leaderFirst(machine);
    if (asked === undefined) {
      world.mark("change_not_asked");
      return;
    }
    const call = `operator ${this.ledger.size + 1}`;
    const wanted = drawWanted(world, machine, asked, action);
    const request: ChangeRequest = { ...wanted, waitMs: action.waitMs, cause: call };
    this.ledger.set(call, { outcome: "waiting", written: [], number: null, proposed: null });
    world.mark(`change_of ${action.what}`);
    const { boot } = machine;
    machine.whenAwake(() => {
      if (machine.boot !== boot) return;
      world.say(`${machine.id} is asked for ${action.what} (${call}): ${sayWanted(request)}`);
      machine.deliver({ kind: "change_ruleset", call, request });
    });
  }

  answered(machine: Machine, call: string, result: ChangeResult): void {
    const { world } = this;
    const asked = this.ledger.get(call);
    if (asked === undefined) return;
    world.mark(`change ${result.kind}`);
    world.say(`${machine.id} answers ${call}: ${result.kind}`);
    if (asked.outcome !== "waiting") world.violate("ledger", `${call} was answered twice`);
    asked.outcome = result.kind;
    switch (result.kind) {
      case "done":
        return world.checker.changeDone(machine, result.number);
      case "refused":
        world.mark(`change_refused ${result.refusal.code}`);
        if (asked.written.length > 0)
          world.violate("ledger", `${call} was refused after ${asked.written.join(", ")} was written for it`);
        return;
      case "voided":
        if (asked.written.includes("decided")) world.violate("ledger", `${call} was voided after it was marked`);
        if (asked.number === null) return world.violate("ledger", `${call} was voided, and nothing was written for it`);
        return world.checker.changeVoided(machine, asked.number);
      case "unknown":
        return;
    }
  }

  /** A ruleset is marked decided: `number` itself, or `finished`, which an earlier leader had left undecided. */
  decided(number: RulesetNumber, finished: Ruleset | undefined): void {
    for (const [call, asked] of this.ledger) {
      if (asked.outcome !== "voided" || asked.number === null) continue;
      const same = compareNumbers(asked.number, number) === 0;
      if (same || (asked.proposed !== null && asked.proposed === finished))
        this.world.violate(
          "ledger",
          `${call} was voided, and (${number.term}, ${number.subterm}) decides it all the same`,
        );
    }
  }

  /** A record goes into a leader's WAL; `cause` names the call it is for, if it is for one. */
  writes(cause: string, record: RulesetRecord): void {
    const asked = this.ledger.get(cause);
    if (asked === undefined) return;
    if (asked.outcome === "refused") this.world.violate("ledger", `${cause} was refused, and is written all the same`);
    asked.written.push(record.state);
    asked.number ??= record.number;
    if (record.ruleset !== null) asked.proposed = record.ruleset;
  }
}

/** The rules in force as the node asked knows them. */
function leaderFirst(machine: Machine): Ruleset | undefined {
  const state = machine.loop?.state;
  if (state === undefined) return undefined;
  const own = state.volatile.leading?.ruleset;
  return own ?? state.volatile.postgres.rulesets.findLast((r) => r.ruleset !== null)?.ruleset ?? undefined;
}

type Wanted = Pick<ChangeRequest, "policy" | "cohort">;

interface Asking {
  readonly what: ChangeKind;
  readonly draw: number;
}

function drawWanted(world: World, leader: Machine, now: Ruleset, { what, draw }: Asking): Wanted {
  const rng = new Rng(draw, "wanted");
  const ids = now.cohort.map((m) => m.id);
  const others = world.machines.map((m) => m.id).filter((id) => !ids.includes(id));
  const without = (id: string) => ids.filter((i) => i !== id);
  const cohort = (wanted: readonly string[]): Wanted => ({
    policy: policyFor(rng, now.policy, wanted.length),
    cohort: wanted.map((id) => memberOf(world, id, rng)),
  });
  const someOther = others.length === 0 ? [] : [rng.pick(others)];
  switch (what) {
    case "policy":
      return { policy: anyPolicy(rng, ids.length), cohort: null };
    case "grow":
      return cohort([...ids, ...(rng.below(3) === 0 ? others : someOther)]);
    case "shrink":
      return cohort(without(rng.pick(ids)));
    case "swap":
      return cohort([...without(rng.pick(ids)), ...someOther]);
    case "remove_leader":
      return cohort([...without(leader.id), ...(rng.below(2) === 0 ? someOther : [])]);
    case "eligibility": {
      const turned = rng.pick(ids);
      const eligible = now.cohort.find((m) => m.id === turned)?.eligible !== true;
      return {
        policy: null,
        cohort: ids.map((id) => ({
          ...memberOf(world, id, rng),
          eligible: id === turned && world.named(id)?.witness !== true ? eligible : null,
        })),
      };
    }
    case "demote": {
      const turned = `n${draw + 1}`;
      return {
        policy: null,
        cohort: ids.map((id) => ({
          ...{ id, incarnation: null, labels: null, eligible: id === turned && id !== leader.id ? false : null },
        })),
      };
    }
    case "disjoint":
      return cohort(others.length > 0 ? others : without(leader.id));
    case "anything": {
      const some = world.machines.filter(() => rng.below(2) === 0).map((m) => m.id);
      const eligible = () => (rng.below(4) === 0 ? false : null);
      const wanted = cohort(some.length > 0 ? some : ids);
      return { ...wanted, cohort: wanted.cohort?.map((m) => ({ ...m, eligible: m.eligible ?? eligible() })) ?? null };
    }
  }
}

/** Sometimes by the incarnation it shows: a wiped node is put back by hand. */
function memberOf(world: World, id: string, rng: Rng): WantedMember {
  const incarnation = rng.below(2) === 0 ? (world.named(id)?.disk?.incarnation ?? null) : null;
  // Whoever asks for rules knows which machines have a Postgres.
  return { id, incarnation, labels: null, eligible: world.named(id)?.witness === true ? false : null };
}

function anyPolicy(rng: Rng, nodes: number): Policy {
  if (rng.below(3) === 0 || nodes < 2) return { kind: "majority" };
  return { kind: "at_least", copies: rng.between(2, nodes) };
}

/** As it is, if the new cohort can keep it; now and then even if it cannot. */
function policyFor(rng: Rng, now: Policy, nodes: number): Policy | null {
  const fits = now.kind !== "at_least" || now.copies <= nodes || rng.below(8) === 0;
  return fits && rng.below(2) === 0 ? null : anyPolicy(rng, nodes);
}

function sayWanted({ policy, cohort, waitMs }: ChangeRequest): string {
  const rule = policy === null ? "the policy there is" : policyText(policy);
  const members = cohort?.map((m) => `${m.id}${m.eligible === false ? "!" : ""}`).join("+") ?? "the same nodes";
  return `${rule} of ${members}, waiting ${waitMs} ms`;
}
