import type { Effect, PostgresAction } from "../../../src/core/effects.js";
import type { Event, PostgresReport } from "../../../src/core/events.js";
import type { RecruitRequest, Sender } from "../../../src/core/messages.js";
import { step } from "../../../src/core/node.js";
import { followerName } from "../../../src/core/quorum/sync_standby_names.js";
import type { NodeId } from "../../../src/core/ruleset/ruleset.js";
import type { State } from "../../../src/core/state.js";
import { CLONE_OP, canonical, OP, STAMP } from "./canonical.js";
import type { Log, LogTree } from "./log_tree.js";
import { entriesOf, historyOf, positionOf, recordsOf } from "./log_tree.js";
import type { Message } from "./message.js";
import type { Local, Table } from "./node_table.js";
import { crashed } from "./node_table.js";

/** What one step of the search did to one node. */
export interface Change {
  readonly state: State;
  readonly table: Table;
  readonly op: PostgresAction | null;
  readonly clone: Local["clone"];
  readonly sent: readonly Message[];
  /** It took the step to here and crashed before it heard what it sent itself. */
  readonly unheard: boolean;
}

/**
 * Operations that are carried out in the step that asks for them. Delaying them shows nobody anything new:
 * a standstill, since all that a Postgres does between a promise and its fence (writes, acknowledgements, records received)
 * it could have done just before the promise, which nobody hears of until the standstill is reached; dialling and an open
 * door, since what follows from them is optional; a swap, since a crash before it leaves what was there before the clone.
 */
const AT_ONCE: readonly PostgresAction["kind"][] = ["revoke", "follow", "set_door", "swap", "fence"];

/** One node's turn: events go in, one after another, and what it did to itself is worked off. */
export class NodeTurn {
  state: State;
  table: Table;
  op: PostgresAction | null;
  clone: Local["clone"];
  readonly sent: Message[] = [];
  private readonly tree: LogTree;
  private readonly mail: Event[] = [];
  private opId = OP;
  private cloneId = CLONE_OP;
  private swapIn: { readonly log: Log | null; readonly system: string } | null = null;

  constructor(local: Omit<Local, "id">, tree: LogTree) {
    this.state = local.state;
    this.table = local.table;
    this.op = local.op;
    this.clone = local.clone;
    this.tree = tree;
  }

  get self(): string {
    return this.state.config.self;
  }

  /** @param heed whether it lives to hear what it sends itself: the loop handles that next, and a crash may come first. */
  take(event: Event, heed = true): void {
    this.handle(event);
    while (heed && this.mail.length > 0) this.handle(this.mail.shift() as Event);
  }

  private handle(event: Event): void {
    const { state, output } = step(this.state, event, STAMP);
    this.state = state;
    for (const effect of output.after) this.carryOut(effect);
    while (this.op !== null && AT_ONCE.includes(this.op.kind)) this.operate();
  }

  change(unheard = false): Change {
    const state = canonical(this.state, this.op !== null);
    return { state, table: this.table, op: this.op, clone: this.clone, sent: this.sent, unheard };
  }

  hasUnheardMail(): boolean {
    return this.mail.length > 0;
  }

  /** Carries out the operation under way. */
  operate(): void {
    const { op, opId } = this;
    if (op === null) return;
    this.op = null;
    const report = this.perform(opId, op);
    this.handle({ kind: "postgres", report });
  }

  /** The clone under way is complete: what its leader holds now. */
  cloned(log: Log | null, system: string): void {
    const { cloneId } = this;
    this.clone = null;
    this.swapIn = { log, system };
    const report: PostgresReport = { kind: "cloned", op: cloneId, position: positionOf(log), systemIdentifier: system };
    this.handle({ kind: "postgres", report });
  }

  /** The leader looks at its Postgres. */
  observe(): void {
    const { primary, acknowledged, log, names } = this.table;
    const senders = Object.entries(acknowledged).map(([id, flushLsn], pid) => ({
      name: followerName(id, primary),
      streaming: true,
      flushLsn,
      pid,
    }));
    const observation = {
      flushLsn: log?.lsn ?? 0n,
      replayLsn: null,
      postmasterPid: 1,
      streaming: false,
      names,
      senders,
      rulesets: null,
    };
    this.handle({ kind: "postgres", report: { kind: "observed", observation } });
  }

  exited(): void {
    this.table = crashed(this.table);
    this.op = null;
    this.clone = null;
    this.handle({ kind: "postgres", report: { kind: "exited", reason: "" } });
  }

  private carryOut(effect: Effect): void {
    const { self } = this;
    const from = {
      node: self,
      incarnation: this.state.durable.incarnation,
      systemIdentifier: this.state.durable.systemIdentifier,
    };
    switch (effect.kind) {
      case "send_recruit":
        return this.recruit(effect.to, from, { ...effect.request, seen: null });
      case "send_promote": {
        const request = { ...effect.request, cause: "" };
        if (effect.to === self) this.mail.push({ kind: "promote", call: "promote", from, request });
        else this.sent.push({ kind: "promote", from: self, to: effect.to, request });
        return;
      }
      case "send_follow":
        this.sent.push({ kind: "follow", from: self, to: effect.to, request: effect.request });
        return;
      case "answer_recruit":
        if (effect.result.ok) this.answer(effect.call, effect.result);
        return;
      case "postgres":
        return this.begin(effect.op, effect.action);
      default:
        return;
    }
  }

  private recruit(to: NodeId, from: Sender, request: RecruitRequest): void {
    if (to === this.self) this.mail.push({ kind: "recruit", call: callOf(to, request), from, request });
    else this.sent.push({ kind: "recruit", from: this.self, to, request });
  }

  private answer(call: string, result: Extract<Effect, { kind: "answer_recruit" }>["result"] & { ok: true }): void {
    const [to = "", term = "", node = "", nonce = ""] = call.split("/");
    const request = { term: BigInt(term), attempt: { node, nonce }, seen: null };
    // Nobody remembers anything of others here (canonical.ts).
    const answer = { ...result.answer, promises: [], seen: [] };
    if (to === this.self) this.mail.push({ kind: "recruit_result", peer: to, request, result: { ok: true, answer } });
    else this.sent.push({ kind: "answer", from: this.self, to, request, answer });
  }

  private begin(id: number, action: PostgresAction): void {
    switch (action.kind) {
      case "observe":
      case "nudge":
      case "checkpoint":
      case "discard_old":
        return;
      case "clone":
        this.clone = action;
        this.cloneId = id;
        return;
      case "cancel_clone":
        this.clone = null;
        this.swapIn = null;
        return;
      default:
        this.op = action;
        this.opId = id;
    }
  }

  private perform(op: number, action: PostgresAction): PostgresReport {
    const { table, tree } = this;
    switch (action.kind) {
      case "revoke":
        this.table = { ...crashed(table), names: action.names ?? table.names };
        return {
          kind: "revoked",
          op,
          position: positionOf(table.log),
          rulesets: recordsOf(table.log),
          systemIdentifier: table.system ?? "?",
          door: "shut",
        };
      case "follow":
        this.table = { ...table, receiver: { leader: action.leader, term: action.term } };
        return { kind: "following", op };
      case "promote": {
        const base = action.founding ? tree.append(null, 1n, { kind: "opens" }) : table.log;
        const system = action.founding ? `${this.self}.${action.term}` : table.system;
        const log = tree.append(base, action.term, { kind: "opens" });
        this.table = { ...crashed(table), system, log, primary: action.term, names: action.names };
        return { kind: "promoted", op, history: historyOf(log, action.term), systemIdentifier: system ?? "?" };
      }
      case "write_record": {
        const log = tree.append(table.log, action.term, { kind: "ruleset", record: action.record });
        this.table = { ...table, log };
        return { kind: "record_written", op, lsn: log.lsn };
      }
      case "set_door":
        this.table = { ...table, open: action.open };
        return { kind: "door_set", op, open: action.open };
      case "set_names":
        this.table = { ...table, names: action.names };
        return { kind: "names_set", op };
      case "set_followers":
        return { kind: "followers_set", op };
      case "swap": {
        const { log, system } = this.swapIn ?? { log: null, system: "?" };
        this.swapIn = null;
        this.table = { ...crashed(table), log, system };
        return { kind: "swapped", op };
      }
      case "fence":
        this.table = crashed(table);
        return { kind: "fenced", op };
      default:
        throw new Error(`${action.kind} is no exclusive operation`);
    }
  }

  /** A client's commit, which waits from now on. */
  write(): void {
    const { log, primary } = this.table;
    const before = entriesOf(log).filter((l) => l.entry.kind === "write" && l.timeline === primary).length;
    this.table = {
      ...this.table,
      log: this.tree.append(log, primary, { kind: "write", name: `w${primary}.${before + 1}` }),
    };
  }
}

/** A call that carries the request it answers, so that equal calls are one. */
export function callOf(
  from: string,
  request: { readonly term: bigint; readonly attempt: { readonly node: string; readonly nonce: string } },
): string {
  return `${from}/${request.term}/${request.attempt.node}/${request.attempt.nonce}`;
}
