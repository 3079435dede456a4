import { mustFenceWithinMs } from "../../src/core/lease/lease.js";
import { departureOf } from "../../src/core/lease/leaving.js";
import { leftBehind } from "../../src/core/lease/left_behind.js";
import type { Machine } from "./machine.js";
import type { World } from "./world.js";

/** As the sidecar does it: tells, waits for the core's leave, and ends; Postgres goes on if that is what the core said. */
export function leave(world: World, machine: Machine, backWithinMs: number): void {
  const { loop, clockRate } = machine;
  if (loop === null) throw new Error(`${machine.id} is down`);
  loop.deliver({ kind: "leave", backWithinMs });
  world.settle();
  while (departureOf(loop.state) === "waits") world.advance(100);
  const nowMs = world.clock.nowMs * clockRate;
  const leaves = departureOf(loop.state) === "leaves";
  machine.left = leaves
    ? leftBehind(loop.state, nowMs + Math.min(backWithinMs, mustFenceWithinMs(loop.state, nowMs)))
    : null;
  world.crash(machine, false);
  world.settle();
}
