import { mustFenceWithinMs } from "../../src/core/lease/lease.js";
import { departureOf } from "../../src/core/lease/leaving.js";
import { type LeftBehind, leftBehind } from "../../src/core/lease/left_behind.js";
import type { State } from "../../src/core/state.js";
import type { Action } from "./action.js";
import { LEADER } from "./action.js";
import type { Machine } from "./machine.js";
import type { World } from "./world.js";

/** A sidecar that is to leave looks this often whether it may. */
const LEAVE_LOOK_US = 5_000;

/** Plans every action of the schedule. */
export function plan(world: World, schedule: readonly Action[], active: () => boolean): void {
  for (const action of schedule) {
    if (action.kind === "restored") planSnapshot(world, action.node, action.at / 2);
    world.after(action.at, () => {
      if (!active()) return;
      if (ENDS_A_SIDECAR.has(action.kind) && isRemembering(world)) {
        world.mark("left_out_while_remembering");
        return;
      }
      world.mark(`action ${action.kind}`);
      apply(world, action);
    });
  }
}

/**
 * That a node came back from the past is known to the others' memory alone (DESIGN 8). Until one of them has told it, and
 * that is on its disk, none of them is restarted: with that memory gone nobody could know.
 */
const ENDS_A_SIDECAR: ReadonlySet<string> = new Set([
  ...[
    "machine_dies",
    "sidecar_dies",
    "sidecar_leaves",
    "dies_at_effect",
    "shutdown",
    "all_die",
    "disk_fails",
    "disk_hangs",
    "restored",
  ],
  ...["data_lost", "wiped", "state_torn"],
]);

function isRemembering(world: World): boolean {
  return world.machines.some((m) => !knowsItsPast(m));
}

/** It has taken the promise back that it had forgotten. */
function knowsItsPast({ past, disk }: Machine): boolean {
  if (past === null) return true;
  return disk?.promises.some((p) => p.term === past.term && p.boot === past.boot) === true;
}

/** It has its vote again, and needs nobody any more to get it. */
export function hasCaughtUp(machine: Machine): boolean {
  return machine.past === null || (knowsItsPast(machine) && machine.disk?.nonVoter === false);
}

function planSnapshot(world: World, node: number, at: number): void {
  world.after(at, () => {
    const machine = world.machine(node === LEADER ? leaderNow(world) : node);
    machine.takeSnapshot();
  });
}

function restore(world: World, machine: Machine, forUs: number): void {
  const { disk, snapshot } = machine;
  const { persistFails } = world.config;
  if (snapshot === null || disk === null || persistFails > 0 || world.machines.some((m) => m.damaged)) return;
  const last = disk.promises.at(-1);
  // Everybody else must be there, and have seen the promise that will be forgotten.
  const remembered = world.machines.every((m) => {
    if (m === machine) return true;
    const known = m.loop?.state.volatile.peers[machine.id];
    return m.effectsLeft < 0 && known?.seen != null && known.seen.term === last?.term && known.seen.boot === last.boot;
  });
  if (!remembered || last === undefined || snapshot.disk.promise.term >= disk.promise.term) return;
  world.mark("damage restored");
  machine.damaged = true;
  machine.past = last;
  machine.dieMachine(forUs);
  if (machine.postgres.flushed !== null)
    machine.formerCopies.push({ incarnation: disk.incarnation, tip: machine.postgres.flushed });
  machine.disk = snapshot.disk;
  machine.postgres.restore(snapshot.flushed);
  world.promises.forgetWord(machine);
}

function apply(world: World, action: Action): void {
  switch (action.kind) {
    case "write":
      world.clients.write();
      return;
    case "read":
      world.clients.read();
      return;
    case "cancel":
      world.clients.cancel();
      return;
    case "change":
      world.operators.ask(world.machine(action.node === LEADER ? leaderNow(world) : action.node), action);
      return;
    case "order":
      world.orders.give(world.machine(action.node === LEADER ? leaderNow(world) : action.node), action);
      return;
    case "cut": {
      const { what, forUs } = action;
      const from = maskNow(world, action.from);
      const to = maskNow(world, action.to);
      world.say(`cut ${what} ${names(world, from)} -> ${names(world, to)} for ${ms(forUs)}`);
      world.network.cut(what, from, to, 1);
      world.after(forUs, () => {
        if (!world.network.calm) world.network.cut(what, from, to, -1);
      });
      return;
    }
    case "clog": {
      const from = maskNow(world, action.from);
      world.say(`clog ${names(world, from)} -> ${names(world, action.to)} for ${ms(action.forUs)}`);
      world.network.clog(from, action.to, action.forUs);
      return;
    }
    case "all_die":
      for (const machine of world.machines) {
        const us = machine.rng.below(action.spreadUs + 1);
        machine.dieMachine(action.forUs + us);
      }
      return;
    default:
      applyTo(world, world.machine(action.node === LEADER ? leaderNow(world) : action.node), action);
  }
}

/** Whoever was established last; the first machine if nobody was. */
function leaderNow(world: World): number {
  let newest = 0n;
  let leader = 0;
  for (const [term, { machine }] of world.checker.established) {
    if (term <= newest) continue;
    newest = term;
    leader = machine.index;
  }
  return leader;
}

function maskNow(world: World, mask: number): number {
  return mask === LEADER ? 1 << leaderNow(world) : mask;
}

type OnNode = Exclude<Extract<Action, { readonly node: number }>, { readonly kind: "change" | "order" }>;
type Lasting = Exclude<OnNode, { readonly kind: "dies_at_effect" | "slot_lost" | "clock_jump" }>;

function applyTo(world: World, machine: Machine, action: OnNode): void {
  if (action.kind === "slot_lost") {
    for (const other of world.machines) other.postgres.replication.loseSlot(machine.id);
  } else if (action.kind === "clock_jump") {
    machine.jumpClock(action.byMs);
  } else if (action.kind === "dies_at_effect") {
    if (machine.loop === null) return;
    machine.effectsLeft = action.effects;
    machine.dieAtEffect = () => {
      if (action.what === "sidecar") machine.dieSidecar(action.forUs);
      else machine.dieMachine(action.forUs);
    };
  } else applyLasting(world, machine, action);
}

function applyLasting(world: World, machine: Machine, action: Lasting): void {
  const { forUs } = action;
  world.say(`${action.kind} ${machine.id} for ${ms(forUs)}`);
  switch (action.kind) {
    case "machine_dies":
      return machine.dieMachine(forUs);
    case "sidecar_dies":
      return machine.dieSidecar(forUs);
    case "sidecar_leaves":
      return leave(world, machine, forUs);
    case "postgres_dies":
      return machine.postgres.killPostmaster();
    case "shutdown":
      return shutDown(world, machine, forUs);
    case "pause":
      return machine.freeze(forUs);
    case "suspend":
      return machine.suspend(forUs);
    case "pause_postgres":
      return machine.postgres.pause(forUs);
    case "pause_sidecar":
      return machine.pauseSidecar(forUs);
    case "disk_hangs":
      machine.diskHangsUntilUs = world.nowUs + forUs;
      return;
    case "disk_fails":
      machine.diskFailsUntilUs = world.nowUs + forUs;
      return;
    case "replay_stalls":
      machine.postgres.stalledUntilUs = world.nowUs + forUs;
      return;
    case "slow":
      machine.slowUntilUs = world.nowUs + forUs;
      machine.slowFactor = action.factor;
      return;
    case "data_lost":
    case "wiped":
    case "state_torn":
      return damage(world, machine, action.kind, forUs);
    case "restored":
      return restore(world, machine, forUs);
  }
}

/** The operator restarts the sidecar: it says for how long it will be away, and leaves Postgres to itself. */
function leave(world: World, machine: Machine, forUs: number): void {
  const { loop, boot } = machine;
  if (loop === null) return;
  machine.whenAwake(() => {
    machine.deliver({ kind: "leave", backWithinMs: loop.state.config.timings.awayMs });
    const look = () => {
      if (machine.boot !== boot) return;
      const departure = departureOf(loop.state);
      if (!loop.settled || departure === "waits") {
        world.after(LEAVE_LOOK_US, () => machine.whenAwake(look));
        return;
      }
      if (departure === "fences") {
        machine.postgres.operations.watched = false;
        machine.postgres.kill("the sidecar may not leave it");
      }
      machine.left = departure === "leaves";
      if (machine.left) machine.fuse.leave(leftBehindBy(loop.state, machine.nowMs()));
      machine.endSidecar();
      machine.restartSidecarAfter(forUs);
    };
    world.after(machine.rng.between(1_000, 50_000), () => machine.whenAwake(look));
  });
}

/** As `departing.ts` has it. */
function leftBehindBy(state: State, nowMs: number): LeftBehind | null {
  return leftBehind(state, nowMs + Math.min(state.config.timings.awayMs, mustFenceWithinMs(state, nowMs)));
}

/** The operator ends the sidecar: it fences its Postgres, then says goodbye. */
function shutDown(world: World, machine: Machine, forUs: number): void {
  if (machine.loop === null) return;
  const { boot } = machine;
  machine.whenAwake(() => {
    machine.deliver({ kind: "shutdown" });
    world.after(machine.rng.between(5_000, 100_000), () => {
      if (machine.boot !== boot) return;
      machine.postgres.operations.watched = false;
      machine.postgres.kill("the sidecar stops");
      machine.endSidecar();
      machine.restartSidecarAfter(forUs);
    });
  });
}

/** What lasts: at most so many machines as leave enough of the others, or the run could only end in a standstill. */
function damage(
  world: World,
  machine: Machine,
  kind: "data_lost" | "wiped" | "state_torn" | "restored",
  forUs: number,
): void {
  if (machine.damaged || world.machines.some((m) => m.damaged)) {
    world.mark("damage_left_out");
    return;
  }
  machine.damaged = true;
  world.mark(`damage ${kind}`);
  machine.dieMachine(forUs);
  const { postgres } = machine;
  const copy = postgres.flushed;
  if (kind !== "state_torn" && copy !== null && machine.disk !== null)
    machine.formerCopies.push({ incarnation: machine.disk.incarnation, tip: copy });
  if (kind === "state_torn") machine.stateTorn = true;
  else postgres.forget();
  if (kind === "wiped") machine.disk = null;
}

function names(world: World, mask: number): string {
  return world.machines
    .filter((m) => (mask & (1 << m.index)) !== 0)
    .map((m) => m.id)
    .join("+");
}

function ms(us: number): string {
  return `${Math.round(us / 1000)} ms`;
}
