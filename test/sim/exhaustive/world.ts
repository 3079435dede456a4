import { judge } from "./judge.js";
import type { Log } from "./log_tree.js";
import { holds, nextAfter } from "./log_tree.js";
import type { Message } from "./message.js";
import { isSpent } from "./message.js";
import type { Local } from "./node_table.js";
import type { Nodes, Result } from "./nodes.js";
import type { Scenario } from "./scenario.js";

/** A whole cluster between two steps. Numbers, so that a million of them fit into memory. */
export interface World {
  readonly locals: readonly number[];
  /** Messages that may still change something, sorted. */
  readonly messages: readonly number[];
  /** What was acknowledged, who was promoted and established: what the judge remembers. Sorted. */
  readonly facts: readonly string[];
  readonly writes: number;
  readonly crashes: number;
}

export interface Successor {
  readonly world: World;
  readonly action: string;
  /** What must never be, or null. */
  readonly violation: string | null;
}

export function keyOf(world: World): string {
  return `${world.locals.join()}|${world.messages.join()}|${world.facts.join()}|${world.writes},${world.crashes}`;
}

/** Everything that can happen next. */
export class Successors {
  private readonly nodes: Nodes;
  private readonly scenario: Scenario;
  private world: World = { locals: [], messages: [], facts: [], writes: 0, crashes: 0 };
  private locals: Local[] = [];
  private found: Successor[] = [];

  constructor(nodes: Nodes, scenario: Scenario) {
    this.nodes = nodes;
    this.scenario = scenario;
  }

  of(world: World): readonly Successor[] {
    this.world = world;
    this.locals = world.locals.map((id) => this.nodes.all[id] as Local);
    this.found = [];
    for (const id of world.messages) this.deliver(id);
    for (let i = 0; i < this.locals.length; i++) this.actions(i, this.locals[i] as Local);
    return this.found;
  }

  private deliver(id: number): void {
    const message = this.nodes.post.all[id] as Message;
    const to = this.index(message.to);
    const [receiver, sender] = [this.locals[to] as Local, this.locals[this.index(message.from)] as Local];
    const results = this.nodes.deliver(receiver, id, sender, this.world.crashes > 0);
    const what = message.kind === "acknowledge" ? `${message.lsn} of ${message.term}` : message.request.term;
    this.add(to, results, `${message.from} -> ${message.to} ${message.kind} ${what}`);
  }

  private actions(i: number, local: Local): void {
    const { nodes, scenario, world } = this;
    const id = scenario.ids[i] as string;
    const { table, op, clone, state } = local;
    if (op !== null) {
      this.add(i, nodes.operate(local), `${id} ${op.kind}`);
      if (world.crashes > 0) this.add(i, nodes.failOperation(local), `${id} ${op.kind} FAILS`, 1);
    }
    if (table.receiver !== null) this.receive(i, local);
    if (clone !== null) {
      const leader = this.locals[this.index(clone.leader)] as Local;
      if (leader.table.primary === clone.term)
        this.add(
          i,
          nodes.cloned(local, leader.table.log, leader.table.system ?? "?"),
          `${id} has cloned ${clone.leader}`,
        );
    }
    if (table.primary > 0n && table.open && world.writes > 0)
      this.add(i, nodes.write(local), `a client writes to ${id}`, 0, 1);
    if (state.volatile.election.stage === "recruiting")
      this.add(i, nodes.stopWaiting(local, world.crashes > 0), `${id} waits no longer`);
    const others = scenario.ids.filter((other) => other !== id);
    const heard = new Set([
      0n,
      ...others.map((other) => (this.locals[this.index(other)] as Local).state.durable.promise.term),
    ]);
    for (const promise of heard)
      this.add(
        i,
        nodes.elect(local, promise, others, scenario.termMax, world.crashes > 0),
        `${id} elects, having heard of ${promise}`,
      );
    if (world.crashes > 0) {
      this.add(i, nodes.restart(local), `${id} crashes`, 1);
      if (table.primary > 0n) this.add(i, nodes.postgresDies(local), `the Postgres of ${id} dies`, 1);
    }
  }

  private receive(i: number, local: Local): void {
    const { receiver, log } = local.table;
    if (receiver === null) return;
    const leader = this.locals[this.index(receiver.leader)] as Local;
    if (leader.table.primary !== receiver.term) return;
    const id = this.scenario.ids[i] as string;
    if (!holds(leader.table.log, log)) {
      this.found.push({
        world: this.world,
        action: `${id} dials ${receiver.leader}`,
        violation: `${id} dialled a leader whose history lacks its log`,
      });
      return;
    }
    const record = nextAfter(leader.table.log, log);
    if (record === undefined) return;
    const acknowledgement = {
      kind: "acknowledge",
      from: id,
      to: receiver.leader,
      term: receiver.term,
      lsn: record.lsn,
    } as const;
    this.add(
      i,
      this.nodes.receive(local, record, acknowledgement),
      `${id} receives ${record.lsn} of ${receiver.leader}@${receiver.term}`,
    );
  }

  private add(i: number, results: readonly Result[], action: string, crashes = 0, writes = 0): void {
    const { world, locals } = this;
    results.forEach((result, variant) => {
      const text = variant === 0 ? action : `${action}, and crashes at once`;
      if ("broken" in result) {
        this.found.push({ world, action: text, violation: result.broken });
        return;
      }
      const before = locals[i] as Local;
      if (result.local === before && result.sent.every((id) => world.messages.includes(id)) && crashes + writes === 0)
        return;
      const now = locals.map((local, n) => (n === i ? result.local : local));
      const verdict = judge(world.facts, before, now, i, this.scenario.ids);
      const next: World = {
        locals: now.map((local) => local.id),
        messages: this.kept([...world.messages, ...result.sent], now),
        facts: verdict.facts,
        writes: world.writes - writes,
        crashes: world.crashes - crashes - (variant > 0 ? 1 : 0),
      };
      this.found.push({ world: next, action: text, violation: verdict.violation });
    });
  }

  /** Of several acknowledgements of one standby to one leader only the highest counts: the lower ones could have come before it was sent. */
  private kept(ids: readonly number[], now: readonly Local[]): number[] {
    const { post } = this.nodes;
    const unique = [...new Set(ids)].filter((id) => {
      const message = post.all[id] as Message;
      return !isSpent(message, now[this.index(message.to)] as Local, now[this.index(message.from)] as Local);
    });
    const highest = unique.filter((id) => {
      const a = post.all[id] as Message;
      if (a.kind !== "acknowledge") return true;
      return !unique.some((other) => {
        const b = post.all[other] as Message;
        return b.kind === "acknowledge" && b.from === a.from && b.to === a.to && b.term === a.term && b.lsn > a.lsn;
      });
    });
    return highest.sort((x, y) => x - y);
  }

  private index(id: string): number {
    return this.scenario.ids.indexOf(id);
  }
}

export function logOf(local: Local): Log | null {
  return local.table.log;
}
