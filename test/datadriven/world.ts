import { Loop } from "../../src/agent/loop.js";
import type { Recorder } from "../../src/agent/record.js";
import type { PostgresAction } from "../../src/core/effects.js";
import type { Event } from "../../src/core/events.js";
import type { Lsn } from "../../src/core/log/lsn.js";
import type { InitialRuleset, NodeId } from "../../src/core/ruleset/ruleset.js";
import type { Durable, State } from "../../src/core/state.js";
import { freshDurable, initialState } from "../../src/core/state.js";
import { statusOf } from "../../src/core/status.js";
import type { Call } from "./altered.js";
import { altered } from "./altered.js";
import { releaseCommits } from "./clients.js";
import { staleReaders } from "./judge.js";
import type { Machine, Message, Waiting } from "./machine.js";
import { Clock } from "./manual_clock.js";
import type { Kind, Request } from "./message_text.js";
import { actionText, answerText, requestText } from "./message_text.js";
import type { Entry } from "./postgres_table.js";
import { PostgresTable } from "./postgres_table.js";
import { configOf, DETECT_MS } from "./sidecar_config.js";
import { portsOf } from "./sidecar_ports.js";

const STEPS_MAX = 20_000;
/** Operations that change nothing worth a line. */
const SILENT = ["observe", "nudge", "checkpoint"];

/** Machines under the real loop, a network and clients: all of it tables that a script turns. */
export class World {
  readonly clock = new Clock();
  readonly machines = new Map<NodeId, Machine>();
  readonly trace: string[] = [];
  readonly messages: Message[] = [];
  readonly delivered: Message[] = [];
  readonly cuts = new Set<string>();
  /** Patterns of what waits for the script: `promote n1->n2`, `pg n1 swap`, `wal n1->n2`. */
  readonly holds = new Set<string>();
  readonly crafted = new Map<string, Entry>();
  readonly acknowledged = new Map<string, Lsn>();
  readonly unacknowledged = new Map<string, Waiting>();
  /** Who writes down what a started loop does. */
  recorderOf: (initial: State) => Recorder | null = () => null;
  /** What a follower has flushed and said, and its leader has not heard: `ack A->B` held. */
  readonly acksInFlight = new Map<string, Lsn>();
  /** Whether the nodes take in strangers. */
  admitObservers = false;
  private readonly calls = new Map<string, Call>();
  private readonly statusKeys = new Map<string, string>();
  private readonly complaints = new Set<string>();
  private next = 1;

  machine(id: NodeId): Machine {
    const found = this.machines.get(id);
    if (found === undefined) throw new Error(`there is no node ${id}`);
    return found;
  }

  add(id: NodeId, initial: InitialRuleset, leases = false, progress = false): void {
    const postgres = new PostgresTable(id);
    postgres.nudged = progress;
    const time = { leases, progress, frozen: false, detectMs: DETECT_MS, clockRate: 1 };
    const rest = { ...time, incarnations: 1, boots: 0, diskHangs: false, operations: [], lastSeen: "" };
    this.machines.set(id, {
      id,
      postgres,
      initial,
      disk: null,
      loop: null,
      waitingPersist: null,
      left: null,
      fuseDeaf: false,
      ...rest,
    });
  }

  say(line: string): void {
    this.trace.push(line);
  }

  durableOf(machine: Machine): Durable {
    machine.disk ??= freshDurable("shop", machine.id, `${machine.id}-${"abcdef"[machine.incarnations - 1]}`);
    return machine.disk;
  }

  start(machine: Machine): void {
    if (machine.loop !== null) throw new Error(`${machine.id} runs already`);
    machine.boots++;
    // As the adapter does before the first step: one that still runs in the directory is looked at, or ended.
    const found = machine.postgres.found();
    if (found === null) machine.postgres.stop();
    const { torn } = machine.postgres;
    const data = { present: machine.postgres.data === "present", oldKept: false, torn };
    const config = configOf(machine, this.admitObservers);
    const state = initialState(config, this.durableOf(machine), data, this.clock.nowMs * machine.clockRate);
    machine.loop = new Loop(state, portsOf(this, machine), this.recorderOf(state));
    machine.loop.start(found);
  }

  /** The sidecar is gone; with `power` its Postgres as well. A write that had not reached the disk never will. */
  crash(machine: Machine, power: boolean): void {
    machine.loop?.end();
    machine.loop = null;
    machine.waitingPersist = null;
    machine.diskHangs = false;
    machine.frozen = false;
    machine.operations = [];
    machine.postgres.left = machine.left;
    machine.left = null;
    if (power) machine.postgres.stop();
    for (const other of this.machines.values()) {
      if (other.loop !== null && this.connected(machine.id, other.id))
        other.loop.deliver({ kind: "peer_lost", peer: machine.id, reason: "connection refused", refused: false });
    }
  }

  send(from: NodeId, to: NodeId, kind: Kind, request: Request): void {
    const id = `m${this.next++}`;
    const { incarnation, systemIdentifier } = this.durableOf(this.machine(from));
    const sender = { node: from, incarnation, systemIdentifier };
    this.calls.set(id, { from, kind, request });
    const event = { kind, call: id, from: sender, request } as Event;
    this.post({ id, kind, from, to, text: requestText(kind, request), event });
  }

  answer(from: NodeId, kind: string, call: string, result: Parameters<typeof answerText>[0]): void {
    const asked = this.calls.get(call);
    if (asked === undefined) return;
    const event = { kind: `${kind}_result`, peer: from, request: asked.request, result } as unknown as Event;
    const text = `answer to ${kind} ${asked.request.term}: ${answerText(result)}`;
    this.post({ id: `m${this.next++}`, kind: "answer", from, to: asked.from, text, event });
  }

  private post(message: Message): void {
    this.messages.push(message);
    if (this.isHeld(message)) this.say(`(${message.id} held) ${message.from} -> ${message.to} ${message.text}`);
  }

  isHeld({ kind, from, to }: Message): boolean {
    return [kind, "any"].some((k) =>
      [`${from}->${to}`, `${from}->*`, `*->${to}`].some((link) => this.holds.has(`${k} ${link}`)),
    );
  }

  connected(from: NodeId, to: NodeId): boolean {
    return !this.cuts.has(`${from}->${to}`);
  }

  /** Hands a message over; to a node that is down, or over a cut, the sender learns only that nobody answered. */
  handOver(message: Message): void {
    const { from, to, text } = message;
    const receiver = this.machine(to).loop;
    if (receiver !== null && this.connected(from, to)) {
      this.say(`${from} -> ${to} ${text}`);
      this.delivered.push(message);
      receiver.deliver(message.event);
      return;
    }
    const asked = this.calls.get(message.id);
    if (asked === undefined) return;
    const result = { ok: "unreachable", reason: "no answer" };
    const event = { kind: `${asked.kind}_result`, peer: to, request: asked.request, result } as unknown as Event;
    this.machine(from).loop?.deliver(event);
  }

  /** Everything that can happen without time passing happens, in a fixed order. */
  settle(): void {
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      for (const line of staleReaders(this)) this.complain(line);
      if (this.spreadStatus(false)) continue;
      const message = this.messages.find((m) => !this.isHeld(m) && !this.machine(m.to).frozen);
      if (message !== undefined) {
        this.messages.splice(this.messages.indexOf(message), 1);
        this.handOver(message);
      } else if (![...this.machines.values()].some((m) => this.goOn(m))) return;
    }
    throw new Error("this world never comes to rest");
  }

  private goOn(machine: Machine): boolean {
    return !machine.frozen && (this.work(machine) || this.stream(machine) || this.observe(machine));
  }

  /** What is never right is said once, and stays in the trace. */
  private complain(line: string): void {
    if (this.complaints.has(line)) return;
    this.complaints.add(line);
    this.say(line);
  }

  /**
   * Its timers come first: what was sent to it meanwhile waits in its sockets. Whoever reads in the moment before its fence
   * is not judged: that is the gap that DESIGN 7 documents.
   */
  thaw(machine: Machine): void {
    machine.frozen = false;
    this.clock.fire();
    while (this.work(machine));
    this.settle();
  }

  advance(ms: number): void {
    const end = this.clock.nowMs + ms;
    this.settle();
    for (;;) {
      const heartbeat = (Math.floor(this.clock.nowMs / 500) + 1) * 500;
      const due = Math.min(this.clock.nextDue(), heartbeat, end);
      this.clock.nowMs = due;
      if (due === heartbeat) this.spreadStatus(true);
      this.clock.fire();
      this.settle();
      if (due >= end) return;
    }
  }

  private spreadStatus(heartbeat: boolean): boolean {
    let spread = false;
    for (const { id, loop, frozen } of this.machines.values()) {
      if (loop === null || frozen) continue;
      const status = statusOf(loop.state);
      const text = JSON.stringify(status, (_, v: unknown) => (typeof v === "bigint" ? `${v}` : v));
      for (const { id: to, loop: receiver, frozen: deaf } of this.machines.values()) {
        const link = `${id}->${to}`;
        if (to === id || receiver === null || deaf || !this.connected(id, to) || this.holds.has(`status ${link}`))
          continue;
        const key = `${receiver.state.config.boot} ${text}`;
        if (!heartbeat && this.statusKeys.get(link) === key) continue;
        this.statusKeys.set(link, key);
        receiver.deliver({ kind: "peer_status", peer: id, status });
        spread = true;
      }
    }
    return spread;
  }

  /** One operation of the local Postgres, unless the script holds it. */
  work(machine: Machine, evenHeld = false): boolean {
    const { id, postgres } = machine;
    const held = (what: string, { action }: { action: PostgresAction }) =>
      this.holds.has(`${what} ${id} ${action.kind}`);
    const commitsWait = [...this.unacknowledged.values()].some((w) => w.leader === id && w.term === postgres.primary);
    const at = machine.operations.findIndex(
      (o) =>
        (evenHeld || !held(o.report === undefined ? "pg" : "report", o)) && (o.action.kind !== "drain" || !commitsWait),
    );
    const operation = machine.operations[at];
    if (operation === undefined || machine.loop === null) return false;
    machine.operations.splice(at, 1);
    const { op, action } = operation;
    const report = operation.report ?? postgres.carryOut(op, action, (leader) => this.machine(leader).postgres);
    if (!SILENT.includes(action.kind) && operation.report === undefined) {
      const failed = report?.kind === "failed" ? ` FAILED: ${report.reason}` : "";
      this.say(`${id} postgres ${actionText(action)}${failed}`);
    }
    if (operation.report === undefined && report !== undefined && held("report", operation)) {
      machine.operations.splice(at, 0, { op, action, report });
      return true;
    }
    if (report !== undefined) machine.loop.deliver({ kind: "postgres", report });
    if (action.kind === "emergency_fence") machine.loop?.deliver({ kind: "postgres", report: { kind: "gone" } });
    return true;
  }

  /** WAL flows from a primary to whoever follows it under its term. */
  private stream(machine: Machine): boolean {
    const { postgres, id } = machine;
    const { receiver } = postgres;
    const source = receiver === null ? undefined : this.machines.get(receiver.leader);
    if (source?.frozen) return false;
    const leader = source?.postgres;
    const flows =
      postgres.running &&
      leader?.primary === receiver?.term &&
      leader?.serves(id, this.durableOf(machine).incarnation) === true &&
      this.connected(leader.id, id) &&
      !this.holds.has(`wal ${leader.id}->${id}`);
    for (const other of this.machines.values())
      if (other.postgres !== leader || !flows) other.postgres.senders.delete(id);
    const streamed = postgres.streaming;
    postgres.streaming = flows;
    if (!flows || leader === undefined) return streamed;
    const before = postgres.position.lsn;
    // What is on its way when `lag` is held: the connection stands, and nothing new comes through it.
    if (!this.holds.has(`lag ${leader.id}->${id}`) && !postgres.streamFrom(leader)) {
      this.say(`${id} is no part of ${leader.id}: its log diverged`);
      postgres.receiver = null;
      postgres.streaming = false;
      return true;
    }
    const told = leader.senders.get(id);
    if (this.holds.has(`ack ${id}->${leader.id}`)) {
      this.acksInFlight.set(`${id}->${leader.id}`, postgres.position.lsn);
      leader.senders.set(id, told ?? 0n);
      return !streamed || before !== postgres.position.lsn;
    }
    leader.senders.set(id, postgres.position.lsn);
    releaseCommits(this, leader);
    return !streamed || before !== postgres.position.lsn || told !== postgres.position.lsn;
  }

  private observe(machine: Machine): boolean {
    const { loop, postgres } = machine;
    if (loop === null || !postgres.running) return false;
    const { leading, mandate } = loop.state.volatile;
    const order = [mandate?.stage, mandate?.looks, loop.state.volatile.postgres.door];
    const seen = [postgres.position.lsn, ...[...postgres.senders].flat(), postgres.streaming];
    const key = [
      machine.boots,
      leading?.term,
      leading?.stage,
      leading?.mark,
      leading?.change?.stage,
      ...order,
      ...seen,
    ].join();
    if (key === machine.lastSeen) return false;
    machine.lastSeen = key;
    loop.deliver({ kind: "postgres", report: { kind: "observed", observation: postgres.observation() } });
    return true;
  }

  /** A copy of the last `kind/term` sent, to somebody else or altered. */
  sendAltered(which: string, link: string, change: Readonly<Record<string, string>>): void {
    const [from = "", to = ""] = link.split("->");
    const { kind, request } = altered([...this.calls.values()], which, change);
    this.send(from, to, kind as Kind, request);
  }
}
