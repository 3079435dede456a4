import type { Machine } from "./machine.js";
import type { Action } from "./schedule.js";
import type { World } from "./world.js";

/** Plans every action of the schedule. */
export function plan(world: World, schedule: readonly Action[], active: () => boolean): void {
  for (const action of schedule) {
    world.after(action.at, () => {
      if (!active()) return;
      world.mark(`action ${action.kind}`);
      apply(world, action);
    });
  }
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
    case "cut":
      world.say(
        `cut ${action.what} ${names(world, action.from)} -> ${names(world, action.to)} for ${ms(action.forUs)}`,
      );
      world.network.cut(action.what, action.from, action.to, 1);
      world.after(action.forUs, () => {
        if (!world.network.calm) world.network.cut(action.what, action.from, action.to, -1);
      });
      return;
    case "clog":
      world.say(`clog ${names(world, action.from)} -> ${names(world, action.to)} for ${ms(action.forUs)}`);
      world.network.clog(action.from, action.to, action.forUs);
      return;
    case "all_die":
      for (const machine of world.machines) {
        const us = machine.rng.below(action.spreadUs + 1);
        machine.dieMachine(action.forUs + us);
      }
      return;
    default:
      applyTo(world, world.machine(action.node), action);
  }
}

type OnNode = Extract<Action, { readonly node: number }>;

function applyTo(world: World, machine: Machine, action: OnNode): void {
  if (!("forUs" in action) || action.kind === "dies_at_effect") return applyRest(world, machine, action);
  const { forUs } = action;
  world.say(`${action.kind} ${machine.id} for ${ms(forUs)}`);
  switch (action.kind) {
    case "machine_dies":
      return machine.dieMachine(forUs);
    case "sidecar_dies":
      return machine.dieSidecar(forUs);
    case "postgres_dies":
      return machine.postgres.kill("killed");
    case "shutdown":
      return shutDown(world, machine, forUs);
    case "pause":
      machine.pauseSidecar(forUs);
      machine.postgres.pausedUntilUs = world.nowUs + forUs;
      return;
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
    case "restored":
      return damage(world, machine, action.kind, forUs);
  }
}

function applyRest(world: World, machine: Machine, action: OnNode): void {
  if (action.kind === "slot_lost") {
    for (const other of world.machines) other.postgres.replication.loseSlot(machine.id);
    return;
  }
  if (action.kind !== "dies_at_effect" || machine.loop === null) return;
  machine.effectsLeft = action.effects;
  machine.dieAtEffect = () => {
    if (action.what === "sidecar") machine.dieSidecar(action.forUs);
    else machine.dieMachine(action.forUs);
  };
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
