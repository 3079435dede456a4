import type { Ports } from "../../src/agent/ports.js";
import type { NodeId } from "../../src/core/ruleset/ruleset.js";
import type { Durable } from "../../src/core/state.js";
import type { CallKind, CallRequest, CallResult } from "./calls.js";
import type { Machine } from "./machine.js";
import type { World } from "./world.js";

const SUPERVISOR_MIN_US = 100_000;
const SUPERVISOR_MAX_US = 2_000_000;

/** The ports of one start of a sidecar, onto the tables of this world. */
export function portsOf(world: World, machine: Machine, boot: number): Ports {
  const alive = () => machine.boot === boot && machine.loop !== null;
  /** A crash may fall between any two effects: the effect that finds none left is not carried out. */
  const dies = () => {
    if (!alive()) return true;
    if (machine.effectsLeft < 0 || machine.effectsLeft-- > 0) return false;
    world.mark("died_between_effects");
    machine.dieAtEffect();
    return true;
  };
  return {
    credentials: () => null,
    clock: clockOf(world, machine, alive),
    notes: {
      note: (note) => {
        world.mark(`note ${note.mark}`);
        if (note.mark === "stepped_down" && note.text.includes("do not let it lead")) world.mark("leader_removed");
        if (note.mark === "stepped_down" && note.text.includes("no quorum has gone beyond"))
          world.mark("leader_yields");
        if (note.level !== "debug") world.say(`${machine.id}: ${note.text}`);
      },
    },
    fatal: (reason) => {
      world.say(`${machine.id} sidecar ends: ${reason}`);
      if (!reason.startsWith("the state file could not be written")) world.violate("core", `${machine.id}: ${reason}`);
      world.mark("fatal_state_file");
      machine.postgres.kill("the sidecar ends");
      // The loop is in the middle of a step: what is left of the process ends with the event.
      world.after(0, () => {
        if (machine.boot !== boot) return;
        machine.endSidecar();
        machine.restartSidecarAfter(machine.rng.between(SUPERVISOR_MIN_US, SUPERVISOR_MAX_US));
      });
    },
    fuse: { heed: (state) => machine.fuse.heed(state) },
    store: { persist: (durable, done) => persist(world, machine, boot, durable, done, dies) },
    transport: transportOf(world, machine, dies),
    postgres: {
      perform: (op, action) => {
        if (!dies()) machine.postgres.operations.perform(op, action, boot);
      },
      emergencyFence: () => {
        world.mark("emergency_fence");
        world.after(machine.rng.between(1_000, 20_000), () => machine.postgres.kill("emergency fence"));
      },
    },
  };
}

function clockOf(world: World, machine: Machine, alive: () => boolean): Ports["clock"] {
  return {
    nowMs: () => machine.nowMs(),
    jitter: () => machine.rng.next() / 2 ** 32,
    after: (ms, callback) => {
      let cancelled = false;
      // Never early by this machine's own clock, or the loop would look again and again.
      const planned = world.after(machine.realUs(ms) + 1, () => {
        if (!alive()) return;
        machine.whenAwake(() => {
          if (cancelled || !alive()) return;
          callback();
          machine.looked();
        });
      });
      return () => {
        cancelled = true;
        planned.run = null;
      };
    },
  };
}

function persist(
  world: World,
  machine: Machine,
  boot: number,
  durable: Durable,
  done: (error: Error | null) => void,
  dies: () => boolean,
): void {
  machine.writing = durable;
  if (dies()) return;
  const { persistUs, persistSlow, persistFails, detectMs } = world.config;
  const { rng } = machine;
  const calm = world.network.calm;
  let us = machine.slow(rng.between(persistUs[0], persistUs[1]));
  if (!calm && rng.chance(persistSlow)) us += rng.below(detectMs * 1000);
  us = Math.max(us, machine.diskHangsUntilUs - world.nowUs);
  const fails = !calm && (rng.chance(persistFails) || world.nowUs < machine.diskFailsUntilUs);
  world.after(us, () => {
    if (machine.boot !== boot) return;
    // What a failed write left behind is not known.
    if (!fails || rng.below(2) === 0) machine.reachDisk(durable);
    machine.writing = null;
    machine.whenAwake(() => {
      if (machine.boot !== boot) return;
      done(fails ? new Error("no space left on device") : null);
      machine.looked();
    });
  });
}

function transportOf(world: World, machine: Machine, dies: () => boolean): Ports["transport"] {
  const { calls, streams } = world;
  const ask = (kind: CallKind) => (to: NodeId, request: CallRequest) => {
    if (dies()) return;
    const target = world.named(to);
    if (target === undefined) return;
    world.promises.sent(machine, kind, request);
    calls.request(machine, target, kind, request);
  };
  const answer = (kind: CallKind) => (call: string, result: CallResult) => {
    if (dies()) return;
    if (kind === "recruit" && result.ok && machine.witness) world.mark("witness_recruited");
    if (!result.ok) world.mark(`refusal ${kind} ${result.refusal.code}`);
    world.promises.answered(machine, kind, call, result);
    calls.answer(machine, call, result);
  };
  return {
    recruit: ask("recruit"),
    promote: ask("promote"),
    catchUp: ask("catch_up"),
    follow: ask("follow"),
    answerRecruit: answer("recruit"),
    answerPromote: answer("promote"),
    answerCatchUp: answer("catch_up"),
    answerFollow: answer("follow"),
    answerChange: (call, result) => {
      if (!dies()) world.operators.answered(machine, call, result);
    },
    answerHandover: (call, result) => {
      if (!dies()) world.orders.answered(machine, call, result);
    },
    answerRestart: (call, result) => {
      if (!dies()) world.orders.restarted(machine, call, result);
    },
    answerPause: () => void dies(),
    publish: (status) => {
      if (dies()) return;
      streams.publish(machine, status);
    },
  };
}
