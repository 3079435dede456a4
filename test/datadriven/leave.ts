import { mustFenceWithinMs } from "../../src/core/lease/lease.js";
import { departureOf } from "../../src/core/lease/leaving.js";
import type { Machine } from "./machine.js";
import type { World } from "./world.js";

/** As the sidecar does it: tells, waits for the core's leave, and ends; Postgres goes on if that is what the core said. */
export function leave(world: World, machine: Machine, backWithinMs: number): void {
  const { loop, postgres, clockRate } = machine;
  if (loop === null) throw new Error(`${machine.id} is down`);
  loop.deliver({ kind: "leave", backWithinMs });
  world.settle();
  while (departureOf(loop.state) === "waits") world.advance(100);
  const nowMs = world.clock.nowMs * clockRate;
  const leads = loop.state.volatile.leading !== null;
  if (departureOf(loop.state) === "leaves" && leads)
    postgres.servesUntilMs = nowMs + mustFenceWithinMs(loop.state, nowMs);
  world.crash(machine, false);
  world.settle();
}
