import type { Event } from "../../src/core/events.js";
import type { HandoverResult, RestartResult } from "../../src/core/orders.js";
import { type Action, LEADER } from "./action.js";
import type { SimConfig } from "./config.js";
import type { Machine } from "./machine.js";
import { Rng } from "./prng.js";
import type { World } from "./world.js";

const ORDERS = ["switchover", "switchover", "failover", "pause", "resume"] as const satisfies readonly Order["what"][];
const ORDERS_MAX = 6;
type Order = Extract<Action, { readonly kind: "order" }>;

/** Restarts of one Postgres, by a generator of their own as well, in one seed of four. */
export function drawRestarts({ seed, chaosUs, nodes, detectMs }: SimConfig): Order[] {
  const rng = new Rng(seed, "restarts");
  if (rng.below(4) !== 0) return [];
  return Array.from({ length: rng.between(1, ORDERS_MAX) }, () => ({
    ...{ at: rng.below(chaosUs), kind: "order" as const, what: "restart" as const },
    ...{ node: rng.below(3) === 0 ? LEADER : rng.below(nodes), deadlineMs: rng.below(8 * detectMs) },
    force: rng.below(4) === 0,
  }));
}

/** In one seed of three, by a generator of their own: the others are the runs that they were. */
export function drawOrders({ seed, chaosUs, nodes, detectMs }: SimConfig): Order[] {
  const rng = new Rng(seed, "orders");
  if (rng.below(3) !== 0) return [];
  return Array.from({ length: rng.between(1, ORDERS_MAX) }, () => {
    const what = rng.pick(ORDERS);
    const anyone = what !== "switchover" || rng.below(8) === 0;
    return {
      ...{ at: rng.below(chaosUs), kind: "order" as const, what, node: anyone ? rng.below(nodes) : LEADER },
      ...(rng.below(2) === 0 ? {} : { target: rng.below(nodes) }),
      deadlineMs: rng.below(4 * detectMs),
    };
  });
}

/** Operators who want another leader, or a pause; each order is answered once, and *done* is held against who leads. */
export class Orders {
  private readonly asked = new Map<string, Order>();
  /** By call, which process it was to end. */
  private readonly ends = new Map<string, number>();
  private given = 0;
  private paused = false;

  constructor(private readonly world: World) {}

  give(machine: Machine, order: Order): void {
    const { world } = this;
    this.given++;
    const call = `order ${this.given}`;
    this.asked.set(call, order);
    if (order.what === "pause") this.paused = true;
    world.mark(`order_of ${order.what}`);
    const to = order.target === undefined ? null : world.machine(order.target).id;
    const request = { to, deadlineMs: order.deadlineMs, cause: call };
    const { what } = order;
    const { deadlineMs, force = false } = order;
    const event: Event =
      what === "restart"
        ? { kind: "restart", call, request: { force, pendingOnly: false, deadlineMs, cause: call } }
        : what === "pause" || what === "resume"
          ? { kind: "set_pause", call, paused: what === "pause" }
          : { kind: what, call, request };
    const { boot } = machine;
    machine.whenAwake(() => {
      if (machine.boot !== boot) return;
      world.say(`${machine.id} is ordered a ${what}${to === null ? "" : ` to ${to}`} (${call})`);
      this.ends.set(call, machine.postgres.epoch);
      machine.deliver(event);
    });
  }

  restarted(machine: Machine, call: string, result: RestartResult): void {
    const { world } = this;
    world.mark(`restart ${result.kind}`);
    world.say(`${machine.id} answers ${call}: ${result.kind}`);
    if (!this.asked.delete(call)) return world.violate("ledger", `${call} was answered twice, or never given`);
    if (result.kind === "refused") world.mark(`restart_refused ${result.refusal.code}`);
    if (result.kind !== "done") return;
    if (result.handedOver) world.mark("restarted_a_leader");
    if (this.ends.get(call) === machine.postgres.epoch)
      world.violate("ledger", `${call}: the Postgres of ${machine.id} was never started again`);
  }

  answered(machine: Machine, call: string, result: HandoverResult): void {
    const { world } = this;
    const order = this.asked.get(call);
    world.mark(`order ${result.kind}`);
    world.say(`${machine.id} answers ${call}: ${result.kind}`);
    if (order === undefined) return world.violate("ledger", `${call} was answered twice, or never given`);
    this.asked.delete(call);
    if (result.kind === "refused") world.mark(`order_refused ${result.refusal.code}`);
    if (result.kind !== "done" && result.kind !== "failed") return;
    const { kind, leader, term } = result;
    const wanted = order.target === undefined || world.machine(order.target).id === leader;
    if (kind === "done" && !wanted) world.violate("ledger", `${call}: ${leader} is not who was asked for`);
    const { boot } = machine;
    // The checker looks when the event that is under way is over; who dies between two effects of it is seen by nobody.
    world.after(0, () => {
      if (machine.id === leader && machine.boot !== boot) return;
      if (world.checker.established.get(term)?.machine.id !== leader)
        world.violate("ledger", `${call}: ${leader} never led term ${term}`);
    });
  }

  /** When the faults are over elections are wanted again, on whoever is there: each learns it, or hears of it. */
  resume(): void {
    if (!this.paused) return;
    const { world } = this;
    const again = () => {
      for (const machine of world.machines)
        if (machine.loop?.state.durable.pause.paused === true)
          machine.whenAwake(() => machine.deliver({ kind: "set_pause", call: "resume", paused: false }));
      world.after(world.config.detectMs * 1000, again);
    };
    again();
  }
}
