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
  private readonly results = new Map<string, readonly Result[]>();

  intern({ state, table, op, clone }: Omit<Change, "sent" | "unheard">): Local {
    const { boot } = state.config;
    const { log, ...rest } = table;
    const text = textOfValue([boot, state.durable, state.volatile, log?.id ?? null, rest, op, clone]);
    const found = this.known.get(text);
    if (found !== undefined) return found;
    const local: Local = { id: this.all.length, state, table, op, clone };
    this.all.push(local);
    this.known.set(text, local);
    return local;
  }

  /** @param mayCrash also what is left if it crashes before it hears what it sent itself. */
  private after(
    local: Local,
    key: string,
    mayCrash: boolean,
    act: (turn: NodeTurn, heed: boolean) => void,
  ): readonly Result[] {
    const memo = `${local.id} ${key} ${mayCrash}`;
    const found = this.results.get(memo);
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
    this.results.set(memo, results);
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
    return this.after(local, `deliver ${id} ${i} ${s}`, mayCrash, (turn, heed) => {
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
    return this.after(local, "operate", false, (turn) => turn.operate());
  }

  write(local: Local): readonly Result[] {
    return this.after(local, "write", false, (turn) => turn.write());
  }

  postgresDies(local: Local): readonly Result[] {
    return this.after(local, "exit", false, (turn) => turn.exited());
  }

  receive(local: Local, record: Log): readonly Result[] {
    return this.after(local, `receive ${record.id}`, false, (turn) => {
      turn.table = { ...turn.table, log: record };
    });
  }

  /** Its standby tells it what it has flushed, and the leader looks. */
  acknowledged(local: Local, standby: NodeId, lsn: bigint): readonly Result[] {
    return this.after(local, `acknowledged ${standby} ${lsn}`, false, (turn) => {
      turn.table = { ...turn.table, acknowledged: { ...turn.table.acknowledged, [standby]: lsn } };
      turn.observe();
    });
  }

  cloned(local: Local, log: Log | null, system: string): readonly Result[] {
    return this.after(local, `cloned ${log?.id} ${system}`, false, (turn) => turn.cloned(log, system));
  }

  /** It no longer waits for those who have not answered. */
  stopWaiting(local: Local, mayCrash: boolean): readonly Result[] {
    return this.after(local, "stop waiting", mayCrash, (turn, heed) => {
      const { election } = turn.state.volatile;
      if (election.stage !== "recruiting") return;
      const volatile = { ...turn.state.volatile, election: { ...election, awaitAllUntilMs: 0 } };
      turn.state = { ...turn.state, volatile };
      turn.take({ kind: "tick" }, heed);
    });
  }

  /** Power off and on again. */
  restart(local: Local): readonly Result[] {
    const memo = `${local.id} restart`;
    const found = this.results.get(memo);
    if (found !== undefined) return found;
    const results = [this.restarted(local)];
    this.results.set(memo, results);
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
    const results = this.after(local, `elect ${heard}`, mayCrash, (turn, heed) =>
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
