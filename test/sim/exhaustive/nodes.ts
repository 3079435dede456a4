import { assert } from "../../../src/core/assert.js";
import { step } from "../../../src/core/node.js";
import type { NodeId } from "../../../src/core/ruleset/ruleset.js";
import { initialState } from "../../../src/core/state.js";
import { statusOf } from "../../../src/core/status.js";
import { NEVER, NOW, STAMP, textOfValue } from "./canonical.js";
import { type Log, LogTree } from "./log_tree.js";
import { type Message, Post } from "./message.js";
import { crashed, type Local } from "./node_table.js";
import { type Change, callOf, NodeTurn } from "./turn_of_a_node.js";

/** What became of a node, or the invariant that the core itself saw broken. */
export type Result = { readonly local: Local; readonly sent: readonly number[] } | { readonly broken: string };

const ACTIONS = [
  "deliver",
  "operate",
  "write",
  "exit",
  "receive",
  "acknowledged",
  "cloned",
  "stop",
  "elect",
  "restart",
] as const;
/** Names of nodes, their incarnations, and systems: a handful. */
const WORDS_MAX = 64;

/** One number for what happens to a node: it is looked up at every transition. */
function numbered(kind: (typeof ACTIONS)[number], number = 0, word = 0): number {
  return (number * WORDS_MAX + word) * ACTIONS.length + ACTIONS.indexOf(kind);
}

class Words {
  private readonly known = new Map<string, number>();

  numberOf(word: string): number {
    const found = this.known.get(word);
    if (found !== undefined) return found;
    assert(this.known.size < WORDS_MAX, "more words than were thought of");
    this.known.set(word, this.known.size);
    return this.known.size - 1;
  }
}

/**
 * Every state of a node that was ever met, numbered, and what each action makes of it. A world is three of these numbers;
 * far fewer nodes than worlds exist, so the core's `step` is asked once for each pair of a node and an event.
 */
export class Nodes {
  readonly tree = new LogTree();
  readonly post = new Post();
  readonly all: Local[] = [];
  steps = 0;
  private readonly known = new Map<string, Local>();
  private readonly origins = new Words();
  /** By node, then by what happens to it. */
  private readonly results: Map<number, readonly Result[]>[] = [];

  intern({ state, table, op, clone }: Omit<Change, "sent" | "unheard">): Local {
    const { boot } = state.config;
    const { log, ...rest } = table;
    const text = textOfValue([boot, state.durable, state.volatile, log?.id ?? null, rest, op, clone]);
    const found = this.known.get(text);
    if (found !== undefined) return found;
    const local: Local = { id: this.all.length, state, table, op, clone };
    this.all.push(local);
    this.results.push(new Map());
    this.known.set(text, local);
    return local;
  }

  /** @param mayCrash also what is left if it crashes before it hears what it sent itself. */
  private after(
    local: Local,
    action: number,
    mayCrash: boolean,
    act: (turn: NodeTurn, heed: boolean) => void,
  ): readonly Result[] {
    const memo = action * 2 + (mayCrash ? 1 : 0);
    const known = this.results[local.id] as Map<number, readonly Result[]>;
    const found = known.get(memo);
    if (found !== undefined) return found;
    this.steps++;
    const results = [this.tryOut(local, act, true)];
    if (mayCrash) {
      const turn = new NodeTurn(local, this.tree);
      act(turn, false);
      if (turn.hasUnheardMail()) {
        const crash = this.restarted(this.intern(turn.change()), 1);
        results.push("broken" in crash ? crash : { local: crash.local, sent: this.numbers(turn.sent) });
      }
    }
    known.set(memo, results);
    return results;
  }

  private tryOut(local: Local, act: (turn: NodeTurn, heed: boolean) => void, heed: boolean): Result {
    try {
      const turn = new NodeTurn(local, this.tree);
      act(turn, heed);
      return { local: this.intern(turn.change()), sent: this.numbers(turn.sent) };
    } catch (error) {
      return { broken: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
    }
  }

  private numbers(messages: readonly Message[]): number[] {
    return messages.map((m) => this.post.numberOf(m));
  }

  deliver(local: Local, id: number, sender: Local, mayCrash: boolean): readonly Result[] {
    const message = this.post.all[id];
    if (message === undefined) throw new Error(`there is no message ${id}`);
    const { incarnation: i, systemIdentifier: s } = sender.state.durable;
    return this.after(local, numbered("deliver", id, this.origins.numberOf(`${i} ${s}`)), mayCrash, (turn, heed) => {
      const from = { node: message.from, incarnation: i, systemIdentifier: s };
      switch (message.kind) {
        case "recruit":
          return turn.take(
            { kind: "recruit", call: callOf(message.from, message.request), from, request: message.request },
            heed,
          );
        case "promote":
          return turn.take({ kind: "promote", call: "promote", from, request: message.request }, heed);
        case "follow":
          return turn.take({ kind: "follow", call: "follow", from, request: message.request }, heed);
        case "answer": {
          const result = { ok: true, answer: message.answer } as const;
          return turn.take({ kind: "recruit_result", peer: message.from, request: message.request, result }, heed);
        }
      }
    });
  }

  operate(local: Local): readonly Result[] {
    return this.after(local, numbered("operate"), false, (turn) => turn.operate());
  }

  write(local: Local): readonly Result[] {
    return this.after(local, numbered("write"), false, (turn) => turn.write());
  }

  postgresDies(local: Local): readonly Result[] {
    return this.after(local, numbered("exit"), false, (turn) => turn.exited());
  }

  receive(local: Local, record: Log): readonly Result[] {
    return this.after(local, numbered("receive", record.id), false, (turn) => {
      turn.table = { ...turn.table, log: record };
    });
  }

  /** Its standby tells it what it has flushed, and the leader looks. */
  acknowledged(local: Local, standby: NodeId, lsn: bigint): readonly Result[] {
    return this.after(local, numbered("acknowledged", Number(lsn), this.origins.numberOf(standby)), false, (turn) => {
      turn.table = { ...turn.table, acknowledged: { ...turn.table.acknowledged, [standby]: lsn } };
      turn.observe();
    });
  }

  cloned(local: Local, log: Log | null, system: string): readonly Result[] {
    return this.after(local, numbered("cloned", (log?.id ?? -1) + 1, this.origins.numberOf(system)), false, (turn) =>
      turn.cloned(log, system),
    );
  }

  /** It no longer waits for those who have not answered. */
  stopWaiting(local: Local, mayCrash: boolean): readonly Result[] {
    return this.after(local, numbered("stop"), mayCrash, (turn, heed) => {
      const { election } = turn.state.volatile;
      if (election.stage !== "recruiting") return;
      const volatile = { ...turn.state.volatile, election: { ...election, awaitAllUntilMs: 0 } };
      turn.state = { ...turn.state, volatile };
      turn.take({ kind: "tick" }, heed);
    });
  }

  /** Power off and on again. */
  restart(local: Local): readonly Result[] {
    const memo = numbered("restart") * 2;
    const known = this.results[local.id] as Map<number, readonly Result[]>;
    const results = known.get(memo) ?? [this.restarted(local)];
    known.set(memo, results);
    return results;
  }

  /**
   * @param boots a boot is in its nonces. It counts only where an attempt was sent out that the node's own promise knows
   * nothing of: else no later attempt of it has the same term, and its nonces may be the same.
   */
  private restarted(local: Local, boots = 0): Result {
    const { config, durable } = local.state;
    const [name = "", before = "1"] = config.boot.split(".");
    const data = { present: local.table.system !== null, oldKept: false };
    const state = initialState({ ...config, boot: `${name}.${Number(before) + boots}` }, durable, data, 0);
    return this.tryOut(
      { id: -1, state, table: crashed(local.table), op: null, clone: null },
      (turn) => turn.take({ kind: "tick" }),
      true,
    );
  }

  /**
   * It begins an attempt, having heard of promises up to `heard`, and whatever else a pre-vote asks for. Only if it may:
   * a leader stays one unless a member has promised more.
   */
  elect(local: Local, heard: bigint, others: readonly NodeId[], termMax: bigint, mayCrash: boolean): readonly Result[] {
    const results = this.after(local, numbered("elect", Number(heard)), mayCrash, (turn, heed) =>
      beginElection(turn, heard, others, heed),
    );
    // Nothing came of it, or a term beyond the bound of this search.
    return results.filter((r) => "broken" in r || (r.local !== local && electing(r) <= termMax));
  }
}

function electing(result: { readonly local: Local }): bigint {
  const { election } = result.local.state.volatile;
  const { promise } = result.local.state.durable;
  return election.stage === "recruiting" && election.term > promise.term ? election.term : promise.term;
}

function beginElection(turn: NodeTurn, heard: bigint, others: readonly NodeId[], heed: boolean): void {
  const { volatile, config } = turn.state;
  const { leading } = volatile;
  turn.state = {
    ...turn.state,
    volatile: {
      ...volatile,
      election: { stage: "idle", notBeforeMs: NEVER, fruitless: 0 },
      leading: leading && { ...leading, refusedSinceMs: heard > leading.term ? 0 : null },
    },
  };
  const own = statusOf(turn.state);
  for (const id of others) {
    const status = {
      ...own,
      node: id,
      incarnation: `${id}-a`,
      boot: "any",
      promise: heard,
      promises: [],
      seen: [],
      role: "none" as const,
      term: 0n,
      leader: null,
      established: false,
      ledUntil: 0n,
      suspects: 1n << 30n,
      electing: 0n,
      voter: true,
      postgres: own.systemIdentifier === null ? ("stopped" as const) : ("running" as const),
    };
    turn.state = step(turn.state, { kind: "peer_status", peer: id, status }, STAMP).state;
  }
  const { election, suspicion } = turn.state.volatile;
  if (election.stage !== "idle") throw new Error("an election began before it was let");
  // Suspected for long, and free to begin.
  const waiting = {
    ...turn.state.volatile,
    election: { ...election, notBeforeMs: 0 },
    suspicion: suspicion && { ...suspicion, sinceMs: 0 },
    possibleSinceMs: 0,
    nowMs: NOW,
  };
  turn.state = { config, durable: turn.state.durable, volatile: waiting };
  turn.take({ kind: "tick" }, heed);
}
