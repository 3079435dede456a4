import { Judge } from "./judge.js";
import { holds, nextAfter } from "./log_tree.js";
import type { Message } from "./message.js";
import { isSpent } from "./message.js";
import type { Local } from "./node_table.js";
import type { Nodes, Result } from "./nodes.js";
import type { Scenario } from "./scenario.js";
import type { Key } from "./seen.js";

/** A whole cluster between two steps. Numbers, so that a million of them fit into memory. */
export interface World {
  readonly locals: readonly number[];
  /** Messages that may still change something, sorted. */
  readonly messages: readonly number[];
  /** What was acknowledged, who was promoted and established: what the judge remembers. Sorted. */
  readonly facts: readonly number[];
  readonly writes: number;
  readonly crashes: number;
  /** Attempts that may still begin. */
  readonly attempts: number;
}

export interface Successor {
  readonly world: World;
  /** Empty unless it was asked for. */
  readonly action: string;
  /** What must never be, or null. */
  readonly violation: string | null;
}

/**
 * 64 bits that stand for a world: two different ones among a hundred million have the same with a probability of one in
 * three thousand, and then one of them is not looked at.
 */
export function keyOf(world: World): Key {
  const { locals, messages, facts, writes, crashes, attempts } = world;
  let high = 0x811c9dc5;
  let low = 0x1b873593;
  for (const list of [locals, messages, facts, [writes * 256 + crashes * 16 + attempts]]) {
    // A mark between the lists, so that what is the last of one is not the first of the next.
    for (let i = -1; i < list.length; i++) {
      const value = list[i] ?? -1;
      high = Math.imul(high ^ value, 0x01000193);
      high ^= high >>> 15;
      low = Math.imul(low ^ (value + 0x9e3779b9), 0x85ebca6b);
      low ^= low >>> 13;
    }
  }
  return { high: high >>> 0, low: low >>> 0 };
}

interface Cost {
  readonly crashes?: number;
  readonly writes?: number;
  readonly attempts?: number;
}

const FREE: Cost = {};
const CRASH: Cost = { crashes: 1 };
const WRITE: Cost = { writes: 1 };
const ATTEMPT: Cost = { attempts: 1 };

const ascending = (x: number, y: number) => x - y;

/** Everything that can happen next. */
export class Successors {
  private readonly nodes: Nodes;
  private readonly scenario: Scenario;
  private world: World = { locals: [], messages: [], facts: [], writes: 0, crashes: 0, attempts: 0 };
  private locals: Local[] = [];
  private found: Successor[] = [];
  private explain = false;
  private readonly indexes: ReadonlyMap<string, number>;
  readonly judge: Judge;

  constructor(nodes: Nodes, scenario: Scenario) {
    this.nodes = nodes;
    this.scenario = scenario;
    this.indexes = new Map(scenario.ids.map((id, i) => [id, i]));
    this.judge = new Judge(scenario.ids);
  }

  /** @param explain also say what each of them is; their order is always the same. */
  of(world: World, explain = false): readonly Successor[] {
    this.world = world;
    this.explain = explain;
    this.locals = world.locals.map((id) => this.nodes.all[id] as Local);
    this.found = [];
    for (const id of world.messages) this.deliver(id);
    for (let i = 0; i < this.locals.length; i++) this.actions(i, this.locals[i] as Local);
    return this.found;
  }

  private deliver(id: number): void {
    const message = this.nodes.post.all[id] as Message;
    const to = this.index(message.to);
    const results = this.nodes.deliver(this.at(to), id, this.at(this.index(message.from)), this.world.crashes > 0);
    this.add(
      to,
      results,
      this.explain ? `${message.from} -> ${message.to} ${message.kind} ${message.request.term}` : "",
    );
  }

  private actions(i: number, local: Local): void {
    const { nodes, scenario, world } = this;
    const id = scenario.ids[i] as string;
    const { table, op, clone, state } = local;
    if (op !== null) this.add(i, nodes.operate(local), this.explain ? `${id} ${op.kind}` : "");
    if (table.receiver !== null) this.stream(i, local);
    if (clone !== null) {
      const leader = this.at(this.index(clone.leader));
      if (leader.table.primary === clone.term)
        this.add(
          i,
          nodes.cloned(local, leader.table.log, leader.table.system ?? "?"),
          this.explain ? `${id} has cloned ${clone.leader}` : "",
        );
    }
    if (table.primary > 0n && table.open && world.writes > 0)
      this.add(i, nodes.write(local), this.explain ? `a client writes to ${id}` : "", WRITE);
    if (state.volatile.election.stage === "recruiting")
      this.add(i, nodes.stopWaiting(local, world.crashes > 0), this.explain ? `${id} waits no longer` : "");
    if (world.attempts > 0) this.elect(i, local);
    if (world.crashes > 0) {
      this.add(i, nodes.restart(local), this.explain ? `${id} crashes` : "", CRASH);
      if (table.primary > 0n)
        this.add(i, nodes.postgresDies(local), this.explain ? `the Postgres of ${id} dies` : "", CRASH);
    }
  }

  private elect(i: number, local: Local): void {
    const { ids, termMax } = this.scenario;
    const others = ids.filter((_, n) => n !== i);
    const heard = new Set([0n, ...others.map((id) => this.at(this.index(id)).state.durable.promise.term)]);
    for (const promise of heard)
      this.add(
        i,
        this.nodes.elect(local, promise, others, termMax, this.world.crashes > 0),
        this.explain ? `${ids[i]} elects, having heard of ${promise}` : "",
        ATTEMPT,
      );
  }

  private stream(i: number, local: Local): void {
    const { receiver, log } = local.table;
    if (receiver === null || log === null) return;
    const from = this.index(receiver.leader);
    const leader = this.at(from);
    if (leader.table.primary !== receiver.term) return;
    const id = this.scenario.ids[i] as string;
    if (!holds(leader.table.log, log)) {
      const violation = `${id} dialled a leader whose history lacks its log`;
      this.found.push({ world: this.world, action: `${id} dials ${receiver.leader}`, violation });
      return;
    }
    const record = nextAfter(leader.table.log, log);
    if (record !== undefined)
      this.add(
        i,
        this.nodes.receive(local, record),
        this.explain ? `${id} receives ${record.lsn} of ${receiver.leader}@${receiver.term}` : "",
      );
    // An acknowledgement still on its way when its sender is recruited could as well have come just before (H10).
    if ((leader.table.acknowledged[id] ?? 0n) < log.lsn)
      this.add(
        from,
        this.nodes.acknowledged(leader, id, log.lsn),
        this.explain ? `${id} acknowledges ${log.lsn} to ${receiver.leader}@${receiver.term}` : "",
      );
  }

  private add(i: number, results: readonly Result[], action: string, cost: Cost = FREE): void {
    const { world, locals } = this;
    results.forEach((result, variant) => {
      const text = variant === 0 || !this.explain ? action : `${action}, and crashes at once`;
      const before = locals[i] as Local;
      // Also a crash that changes nothing: without it more is still allowed.
      if (!("broken" in result) && result.local === before && result.sent.length === 0) return;
      const paid = variant === 0 ? cost : { ...cost, ...CRASH };
      const next = this.apply(world, locals, i, result, text, paid);
      if (next.violation !== null || "broken" in result) return;
      for (const id of result.sent) {
        const message = this.nodes.post.all[id] as Message;
        if (message.kind === "answer") this.answered(next.world, id, message, text);
      }
    });
  }

  /** The answer reaches its coordinator at once; that it is lost is a successor too. */
  private answered(world: World, id: number, message: Message, action: string): void {
    const locals = world.locals.map((n) => this.nodes.all[n] as Local);
    const to = this.index(message.to);
    const [receiver, sender] = [locals[to] as Local, locals[this.index(message.from)] as Local];
    this.nodes.deliver(receiver, id, sender, world.crashes > 0).forEach((result, variant) => {
      if (!("broken" in result) && result.local === receiver) return;
      const text = this.explain
        ? `${action}, which is answered${variant === 0 ? "" : ", and the coordinator crashes"}`
        : "";
      this.apply(world, locals, to, result, text, variant === 0 ? FREE : CRASH);
    });
  }

  private apply(
    world: World,
    locals: readonly Local[],
    i: number,
    result: Result,
    action: string,
    cost: Cost,
  ): Successor {
    if ("broken" in result) return this.keep({ world, action, violation: result.broken });
    const now = locals.map((local, n) => (n === i ? result.local : local));
    const verdict = this.judge.look(world.facts, now, i);
    const next: World = {
      locals: now.map((local) => local.id),
      messages: this.kept(world, result.sent, now),
      facts: verdict.facts,
      writes: world.writes - (cost.writes ?? 0),
      crashes: world.crashes - (cost.crashes ?? 0),
      attempts: world.attempts - (cost.attempts ?? 0),
    };
    return this.keep({ world: next, action, violation: verdict.violation });
  }

  private keep(successor: Successor): Successor {
    this.found.push(successor);
    return successor;
  }

  private kept(world: World, sent: readonly number[], now: readonly Local[]): number[] {
    const ids: number[] = [];
    for (const id of world.messages) if (this.isAlive(id, now)) ids.push(id);
    const before = ids.length;
    for (const id of sent) if (!ids.includes(id) && this.isAlive(id, now)) ids.push(id);
    return ids.length === before ? ids : ids.sort(ascending);
  }

  private isAlive(id: number, now: readonly Local[]): boolean {
    const message = this.nodes.post.all[id] as Message;
    return !isSpent(message, now[this.index(message.to)] as Local, now[this.index(message.from)] as Local);
  }

  private at(i: number): Local {
    return this.locals[i] as Local;
  }

  private index(id: string): number {
    return this.indexes.get(id) as number;
  }
}
