import type { Position } from "../../src/core/log/position.js";
import type { Ruleset } from "../../src/core/ruleset/ruleset.js";
import { hasCaughtUp } from "./faults.js";
import type { Machine } from "./machine.js";
import type { Leader } from "./oracle.js";
import { enough, obliging, revoked } from "./oracle.js";
import type { Tip } from "./wal.js";
import { holds, lsnOf, positionOf, rulesetsOf } from "./wal.js";
import type { World } from "./world.js";

/** A clone, a first initdb, or a coordinator's longest pause: what an honest recovery may take, in detection times. */
const BOUND_DETECTS = 200;
const BOUND_US = 300_000_000;
/** Repeated elections must have stopped for so long. */
const QUIET_DETECTS = 2;

/** Whether its answer counts: of one whose data was rewound only once it has caught up. */
function usable(machine: Machine): boolean {
  return returns(machine) && machine.disk?.nonVoter !== true;
}

/** Whether this machine can take part again: neither its word nor its data was taken from it. */
function returns(machine: Machine): boolean {
  if (machine.stateTorn || machine.refused !== null || !hasCaughtUp(machine)) return false;
  if (machine.disk === null) return true;
  return machine.disk.founding !== 0n || machine.postgres.hasData || !machine.disk.held;
}

/**
 * Whether these machines, healed and connected, must be able to make a leader: by counting, from the logs on their
 * disks, and from what they are about to flush.
 */
export function mustSucceed(world: World, set: readonly Machine[]): boolean {
  const able = set.filter(usable);
  // A leader in office goes on with its change, and what it marks nobody takes back.
  const wanted = able.flatMap((m) => {
    const change = m.loop?.state.volatile.leading?.change;
    return change == null || change.stage === "waiting" || change.stage === "voided" ? [] : [change.target];
  });
  return (
    wanted.every((ruleset) => able.some((candidate) => suffices(ruleset, candidate, able, true))) &&
    mustSucceedBy(world, able, (m) => m.postgres.flushed) &&
    mustSucceedBy(world, able, (m) => m.postgres.pending)
  );
}

type LogOf = (machine: Machine) => Tip | null;

/** Some one of them leads by the rules of its own log, or of one that it catches up with, with all whose log is not newer. */
function mustSucceedBy(world: World, able: readonly Machine[], logOf: LogOf): boolean {
  const withRules = able.filter((m) => rulesetsOf(logOf(m)).length > 0);
  if (withRules.length === 0) {
    // Nobody holds a ruleset: only all founders together, never having been anything else, may found.
    const founders = able.filter((m) => world.initial.nodes.some((n) => n.id === m.id));
    return (
      founders.length === world.initial.nodes.length && able.every((m) => m.incarnations <= 1 && m.disk?.held !== true)
    );
  }
  return withRules.some((source) => {
    const own = positionOf(logOf(source));
    const notNewer = able.filter((m) => !newer(positionOf(logOf(m)), own));
    const candidates = notNewer.filter(
      (m) => m === source || (canCatchUp(logOf(m), logOf(source)) && keepsWalOf(source, m, logOf(m))),
    );
    return candidates.some((candidate) =>
      obliging(rulesetsOf(logOf(source))).every((ruleset, i, all) =>
        suffices(ruleset, candidate, notNewer, i === all.length - 1),
      ),
    );
  });
}

/** It takes what it lacks from a node that may not lead: its own log is a part of that one. */
function canCatchUp(log: Tip | null, source: Tip | null): boolean {
  return log !== null && rulesetsOf(log).length > 0 && holds(source, log);
}

/** What it lacks may be removed there: then no stream brings it. */
function keepsWalOf(source: Machine, candidate: Machine, log: Tip | null): boolean {
  return log !== null && source.postgres.replication.slots.keepsWalFrom(candidate.id, lsnOf(log));
}

function suffices(ruleset: Ruleset, candidate: Machine, set: readonly Machine[], mustBeEligible: boolean): boolean {
  const own = ruleset.cohort.find((m) => m.id === candidate.id);
  const isMember = own !== undefined && own.incarnation === incarnationOf(candidate);
  // Under another incarnation it is a member that nobody may count.
  if (own !== undefined && !isMember) return false;
  if (mustBeEligible && own?.eligible !== true) return false;
  const known = (id: string, incarnation: string) => set.some((m) => m.id === id && incarnationOf(m) === incarnation);
  const members = new Set(ruleset.cohort.filter((m) => known(m.id, m.incarnation)).map((m) => m.id));
  return revoked(ruleset, members) && enough(ruleset, leaderBy(candidate), known);
}

function incarnationOf(machine: Machine): string {
  return machine.disk?.incarnation ?? "";
}

function leaderBy(machine: Machine): Leader {
  return { id: machine.id, incarnation: incarnationOf(machine) };
}

function newer(x: Position, y: Position): boolean {
  return x.timeline !== y.timeline ? x.timeline > y.timeline : x.lsn > y.lsn;
}

/** Draws a set to be healed: one that must succeed, as small as it can be; null if even all of them need not. */
export function chooseCore(world: World): Machine[] | null {
  if (!mustSucceed(world, world.machines)) return null;
  const rng = world.rng("core");
  let core = [...world.machines];
  const order = [...core];
  for (let i = order.length - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    [order[i], order[j]] = [order[j] as Machine, order[i] as Machine];
  }
  for (const machine of order) {
    if (rng.below(4) === 0) continue;
    const smaller = core.filter((m) => m !== machine);
    if (mustSucceed(world, smaller)) core = smaller;
  }
  return core;
}

/** Heals these machines; whatever the others are doing, nobody of these hears of it any more. */
function heal(world: World, core: readonly Machine[]): void {
  world.network.separate(core.reduce((mask, m) => mask | (1 << m.index), 0));
  for (const machine of world.machines)
    machine.postgres.replication.timeOut((other) => core.includes(machine) !== core.includes(other));
  for (const machine of world.machines) {
    machine.effectsLeft = -1;
    if (!core.includes(machine)) {
      // Frozen as it is: nothing it does is seen by anybody.
      machine.endSidecar();
      machine.powered = false;
      machine.postgres.pausedUntilUs = Number.MAX_SAFE_INTEGER / 2;
      continue;
    }
    machine.slowUntilUs = 0;
    machine.diskHangsUntilUs = 0;
    machine.diskFailsUntilUs = 0;
    machine.postgres.stalledUntilUs = 0;
    machine.thaw();
    // All of a cluster have one configuration in the end.
    if (machine.loop !== null && machine.loop.state.config.timings.detectMs !== world.detectMs) machine.endSidecar();
    machine.powerOn();
  }
}

/** I9: with a healed core a leader comes, writes are acknowledged again, everybody of the core follows, elections stop. */
export function demandProgress(world: World, core: readonly Machine[]): void {
  world.say(`--- healed: ${core.map((m) => m.id).join(", ")}; the others are frozen`);
  heal(world, core);
  const detectUs = world.config.detectMs * 1000;
  const until = world.nowUs + BOUND_US + BOUND_DETECTS * detectUs;
  let write = -1;
  let acknowledgedTerm = 0n;
  let quietUntil = 0;
  const beat = () => {
    const leader = leaderOf(core);
    const term = highestTerm(core);
    if (write >= 0 && world.clients.ledger[write] === "acknowledged" && leader !== undefined) {
      if (!isSettled(core) || term !== acknowledgedTerm || quietUntil === 0)
        quietUntil = world.nowUs + QUIET_DETECTS * detectUs;
      acknowledgedTerm = term;
    } else {
      quietUntil = 0;
      if (write < 0 || world.clients.ledger[write] !== "waiting") write = world.clients.write((m) => core.includes(m));
    }
    world.after(detectUs / 4, beat);
  };
  beat();
  world.run(until, () => quietUntil > 0 && world.nowUs >= quietUntil);
  if (quietUntil === 0 || world.nowUs < quietUntil) {
    // A leader among them, to whom the others seemed connected a while longer, decided rules that need those.
    if (!mustSucceed(world, core)) {
      const rewound = core.some((m) => returns(m) && !usable(m));
      return world.mark(rewound ? "core_without_a_rewound_vote" : "core_outgrown");
    }
    const seen = core.map((m) => lineOf(m)).join("; ");
    world.violate(
      "I9",
      `${core.map((m) => m.id).join(", ")} suffice and came to no rest within ${(until / 1e6).toFixed(0)} s: ${seen}`,
    );
  }
  world.mark("progress_after_healing");
}

/** The reverse of I9: too few of them, and nothing new is acknowledged however long they have. */
export function demandSilence(world: World, few: readonly Machine[]): void {
  world.say(`--- only ${few.map((m) => m.id).join(", ")} are healed: too few`);
  heal(world, few);
  const detectUs = world.config.detectMs * 1000;
  // What is under way, held up by the worst spike, may still arrive.
  world.run(world.nowUs + 2 * world.config.spikeUs);
  const writes: number[] = [];
  for (let i = 0; i < 8; i++) {
    writes.push(world.clients.write((m) => few.includes(m)));
    world.run(world.nowUs + detectUs);
  }
  if (writes.some((write) => world.clients.ledger[write] === "acknowledged"))
    world.violate("I9", `${few.map((m) => m.id).join(", ")} are too few, and acknowledged a write all the same`);
  world.mark("silence_without_a_core");
}

/** As many machines as possible that need not succeed, so that one copy more would matter. */
export function chooseTooFew(world: World): Machine[] | null {
  const rng = world.rng("too few");
  let few = [...world.machines];
  while (few.length > 0 && mayGoOn(world, few)) {
    const out = rng.pick(few);
    few = few.filter((m) => m !== out);
  }
  return few.length === 0 ? null : few;
}

/**
 * Whether a leader in office, or a new one, might still get an acknowledgement out of these. Even one who is no voter
 * counts as a copy for a leader that is in office; what is undecided may be void, or marked and the rules before it let go.
 */
function mayGoOn(world: World, set: readonly Machine[]): boolean {
  const inSet = (id: string) => set.some((m) => m.id === id);
  const withRules = world.machines.filter((m) => rulesetsOf(m.postgres.flushed).length > 0);
  if (withRules.length === 0) {
    // All may have been recruited for a founding already: then a quorum is enough to go on.
    const cohort = world.initial.nodes.map((n) => ({ ...n, incarnation: "", eligible: n.witness !== true }));
    return set.some((m) => enough({ policy: world.config.policy, cohort }, { id: m.id, incarnation: "" }, inSet));
  }
  return withRules.some((m) => {
    const live = obliging(rulesetsOf(m.postgres.flushed));
    return live.some((ruleset) => set.some((by) => enough(ruleset, leaderBy(by), inSet)));
  });
}

/** One leader, its door open, nothing half done about the rules, and everybody who should follow streams from it. */
export function isSettled(core: readonly Machine[]): boolean {
  const leader = leaderOf(core);
  const leading = leader?.loop?.state.volatile.leading;
  if (leader === undefined || leading == null || leading.change !== null || leading.mark !== "durable") return false;
  return core.every((m) => m === leader || follows(m, leader, leading.ruleset));
}

function leaderOf(core: readonly Machine[]): Machine | undefined {
  const leaders = core.filter(
    (m) => m.loop?.state.volatile.leading?.stage === "established" && m.postgres.door === "open",
  );
  return leaders.length === 1 ? leaders[0] : undefined;
}

function follows(machine: Machine, leader: Machine, ruleset: Ruleset): boolean {
  if (!returns(machine)) return true;
  const named = ruleset.cohort.some((m) => m.id === machine.id && m.incarnation === incarnationOf(machine));
  if (!named && !machine.world.config.admitObservers) return true;
  const state = machine.loop?.state;
  // Whom no ruleset names and who promised a higher term waits for that one: for its sake nobody wins another (DESIGN 5).
  const leads = leader.loop?.state.volatile.leading?.term ?? 0n;
  if (!named && state !== undefined && state.durable.promise.term > leads) return true;
  return state?.volatile.following?.leader === leader.id && state.volatile.postgres.streaming;
}

function highestTerm(core: readonly Machine[]): bigint {
  let highest = 0n;
  for (const { loop } of core) {
    const term = loop?.state.durable.promise.term ?? 0n;
    if (term > highest) highest = term;
  }
  return highest;
}

function lineOf(machine: Machine): string {
  const state = machine.loop?.state;
  if (state === undefined) return `${machine.id} down${machine.refused === null ? "" : ` (${machine.refused})`}`;
  const { leading, following, election, blocked, postgres } = state.volatile;
  const role =
    leading !== null
      ? `leads ${leading.term} ${leading.stage}`
      : following !== null
        ? `follows ${following.leader}@${following.term}`
        : "idle";
  return `${machine.id} promised ${state.durable.promise.term}, ${role}, ${election.stage}, ${postgres.process}${postgres.streaming ? " streaming" : ""}${postgres.op === null ? "" : ` ${postgres.op.what}`}${blocked === null ? "" : `, blocked: ${blocked.code}`}`;
}
