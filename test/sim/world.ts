import type { InitialRuleset } from "../../src/core/ruleset/ruleset.js";
import { Calls } from "./calls.js";
import { Checker } from "./checker.js";
import { Clients } from "./clients.js";
import type { SimConfig } from "./config.js";
import type { Planned } from "./heap.js";
import { EventHeap } from "./heap.js";
import { Machine } from "./machine.js";
import { Network } from "./network.js";
import { Operators } from "./operators.js";
import { Orders } from "./orders.js";
import { Rng, textHash } from "./prng.js";
import { Promises } from "./promises.js";
import { StaleReads } from "./stale_reads.js";
import { Streams } from "./streams.js";
import { Violation } from "./violation.js";

/** More events than any honest run has: a run that gets there goes round in circles. */
const EVENTS_MAX = 2_000_000;

/** Machines, a network and clients in virtual time. One seed decides everything. */
export class World {
  nowUs = 0;
  events = 0;
  /** While a cluster is founded in peace its Postgres takes a tenth of the time. */
  hurried = false;
  readonly machines: Machine[] = [];
  readonly network: Network;
  readonly calls: Calls;
  readonly streams: Streams;
  readonly checker: Checker;
  readonly staleReads: StaleReads;
  readonly promises: Promises;
  readonly clients: Clients;
  readonly operators: Operators;
  readonly orders: Orders;
  readonly initial: InitialRuleset;
  readonly marks = new Map<string, number>();
  /** Lines, if somebody wants to read them. */
  readonly trace: string[] | null;
  /** When the faults begin. */
  chaosFromUs = Number.POSITIVE_INFINITY;
  private readonly heap = new EventHeap();
  private readonly markHashes = new Map<string, number>();
  private hash = 0x811c9dc5;

  constructor(
    readonly config: SimConfig,
    tracing: boolean,
  ) {
    this.trace = tracing ? [] : null;
    this.initial = {
      policy: config.policy,
      nodes: config.zones.slice(0, config.founders).map((zone, i) => {
        const node = { id: `n${i + 1}`, labels: { zone } };
        return (config.witnesses & (1 << i)) === 0 ? node : { ...node, witness: true };
      }),
    };
    this.network = new Network(this);
    this.calls = new Calls(this);
    this.streams = new Streams(this);
    this.checker = new Checker(this);
    this.staleReads = new StaleReads(this);
    this.promises = new Promises(this);
    this.clients = new Clients(this);
    this.operators = new Operators(this);
    this.orders = new Orders(this);
    for (let i = 0; i < config.nodes; i++) this.machines.push(new Machine(this, i));
  }

  /** What a sidecar is configured with if it starts now. */
  get detectMs(): number {
    const { detectMs, loweredDetectMs, loweredAfterUs } = this.config;
    return loweredDetectMs > 0 && this.nowUs >= this.chaosFromUs + loweredAfterUs ? loweredDetectMs : detectMs;
  }

  /** The file that a sidecar starts with now: in half of the seeds its operator has written down that the cluster exists. */
  get fileNow(): InitialRuleset {
    const told = this.config.founded && this.nowUs >= this.chaosFromUs && this.rng("told").below(2) === 0;
    return told ? { ...this.initial, founded: true } : this.initial;
  }

  rng(concern: string): Rng {
    return new Rng(this.config.seed, concern);
  }

  machine(index: number): Machine {
    const machine = this.machines[index];
    if (machine === undefined) throw new RangeError(`there is no machine ${index}`);
    return machine;
  }

  named(id: string): Machine | undefined {
    return this.machines.find((m) => m.id === id);
  }

  after(us: number, run: () => void): Planned {
    return this.heap.push(this.nowUs + Math.max(0, Math.floor(us)), run);
  }

  /** Turns the crank until `untilUs` or until `done` says so after an event. */
  run(untilUs: number, done: () => boolean = () => false): void {
    for (;;) {
      const next = this.heap.next();
      if (next === undefined || next.at > untilUs) {
        this.nowUs = untilUs;
        return;
      }
      const { run } = next;
      this.heap.pop();
      this.nowUs = next.at;
      this.events++;
      this.stir(next.at);
      if (this.events > EVENTS_MAX) this.violate("bounds", `more than ${EVENTS_MAX} events`);
      run?.();
      if (done()) return;
    }
  }

  /** Counts a state that a run reached; the trace hash sees it too. */
  mark(name: string): void {
    this.marks.set(name, (this.marks.get(name) ?? 0) + 1);
    let hash = this.markHashes.get(name);
    if (hash === undefined) {
      hash = textHash(name);
      this.markHashes.set(name, hash);
    }
    this.stir(hash);
  }

  /** The same for a state that lasts. */
  markOnce(name: string): void {
    if (!this.marks.has(name)) this.mark(name);
  }

  say(line: string): void {
    if (this.trace === null) return;
    this.trace.push(`${(this.nowUs / 1000).toFixed(3).padStart(11)} ${line}`);
  }

  violate(invariant: string, what: string): never {
    this.say(`VIOLATION ${invariant}: ${what}`);
    throw new Violation(invariant, what, this.nowUs);
  }

  /** Of everything that happened so far: two runs of one seed must agree. */
  traceHash(): string {
    return (this.hash >>> 0).toString(16).padStart(8, "0");
  }

  private stir(value: number): void {
    this.hash = Math.imul(this.hash ^ value, 0x01000193);
  }
}
