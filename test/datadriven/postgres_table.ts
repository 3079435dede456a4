import type { PostgresAction } from "../../src/core/effects.js";
import type { Observation, PostgresReport, SenderSeen } from "../../src/core/events.js";
import type { FoundPostgres } from "../../src/core/keeper/adoption.js";
import type { LeftBehind } from "../../src/core/lease/left_behind.js";
import type { History } from "../../src/core/log/history.js";
import type { Lsn } from "../../src/core/log/lsn.js";
import type { Position, Term } from "../../src/core/log/position.js";
import { comparePositions, formatPosition, POSITION_EMPTY } from "../../src/core/log/position.js";
import { followerName } from "../../src/core/quorum/sync_standby_names.js";
import type { Incarnation, NodeId, RulesetRecord } from "../../src/core/ruleset/ruleset.js";
import { compareNumbers } from "../../src/core/ruleset/ruleset.js";

/** One WAL record: a ruleset record, a client's write, or the one that opens a timeline. */
export interface Entry {
  readonly timeline: Term;
  readonly lsn: Lsn;
  readonly record: RulesetRecord | null;
  readonly write: string | null;
}

const RECORD_BYTES = 16n;
/** In the place of a write: the table of rulesets goes, as WAL like everything else. */
export const RULESETS_DROPPED = "rulesets-dropped";

/** A Postgres as a table: its log, who it streams from, and what it was told. It knows no time and no quorum. */
export class PostgresTable {
  readonly id: NodeId;
  data: "absent" | "present" = "absent";
  system: string | null = null;
  log: readonly Entry[] = [];
  running = false;
  /** How often it was stopped, for the number of its process. */
  starts = 1;
  /** The term under which it is a primary. */
  primary: Term | null = null;
  receiver: { readonly leader: NodeId; readonly term: Term } | null = null;
  streaming = false;
  door: "open" | "shut" = "shut";
  names = "";
  /** Until when its sidecar, which has left, was granted a lease; the next one takes it. */
  left: LeftBehind | null = null;
  /** A nudge leaves a record: only where its absence would be noticed, so that other scripts stay short. */
  nudged = false;
  /** What somebody else has set the names to, past the sidecar. */
  foreignNames: string | null = null;
  /** A rewind began and did not end. */
  torn = false;
  /** What it says of the size of its data; null: no adapter here knows a rewind. */
  bytes: number | null = null;
  noRewind: string | null = null;
  noClone: string | null = null;
  rewindsNothing = false;
  /** The timeline of its last checkpoint (POSTGRES.md trap 8). */
  checkpointed: Term = 1n;
  clone: { readonly log: readonly Entry[]; readonly system: string } | null = null;
  /** Connections that the script invented. */
  readonly strangers: SenderSeen[] = [];
  /** What the next clone is said to be, in the place of what it is. */
  cloneSaid: { readonly position: Position; readonly systemIdentifier: string } | null = null;
  /** Application names and flushed LSNs of the standbys that stream from it. */
  readonly senders = new Map<NodeId, Lsn>();
  /** Who has a slot, and in which incarnation. */
  private slots = new Map<NodeId, Incarnation>();

  constructor(id: NodeId) {
    this.id = id;
  }

  get position(): Position {
    const last = this.log.at(-1);
    return last === undefined ? POSITION_EMPTY : { timeline: last.timeline, lsn: last.lsn };
  }

  get rulesets(): RulesetRecord[] {
    const dropped = this.log.findLastIndex((e) => e.write === RULESETS_DROPPED);
    return this.log.slice(dropped + 1).flatMap((e) => (e.record === null ? [] : [e.record]));
  }

  get history(): History {
    const ends = new Map<Term, Lsn>();
    for (const entry of this.log) ends.set(entry.timeline, entry.lsn);
    const timeline = this.primary ?? this.position.timeline;
    const ancestors = [...ends].filter(([t]) => t < timeline).map(([t, end]) => ({ timeline: t, end }));
    return { timeline, ancestors };
  }

  serves(id: NodeId, incarnation: Incarnation): boolean {
    return this.slots.get(id) === incarnation;
  }

  append(timeline: Term, part: { record?: RulesetRecord; write?: string; bytes?: bigint }): Lsn {
    const lsn = (this.log.at(-1)?.lsn ?? 0n) + (part.bytes ?? RECORD_BYTES);
    this.log = [...this.log, { timeline, lsn, record: part.record ?? null, write: part.write ?? null }];
    return lsn;
  }

  stop(): void {
    if (this.running) this.starts++;
    this.running = false;
    this.primary = null;
    this.receiver = null;
    this.streaming = false;
    this.door = "shut";
    this.senders.clear();
  }

  wipe(): void {
    this.stop();
    this.data = "absent";
    this.system = null;
    this.log = [];
    this.clone = null;
    this.torn = false;
  }

  /** Takes over what the leader has beyond this log, if this log is a part of it. */
  streamFrom(leader: PostgresTable): boolean {
    const prefix = this.log.every((entry, i) => leader.log[i] === entry);
    if (prefix) this.log = leader.log;
    return prefix;
  }

  observation(): Observation {
    const senders: SenderSeen[] = [...this.senders].map(([id, flushLsn], i) => ({
      name: followerName(id, this.primary ?? 0n),
      streaming: true,
      flushLsn,
      pid: 100 + i,
    }));
    const { lsn } = this.position;
    const { streaming, rulesets } = this;
    return {
      ...{ flushLsn: lsn, replayLsn: lsn, postmasterPid: this.starts, streaming, rulesets },
      names: this.foreignNames,
      senders: [...senders, ...this.strangers],
    };
  }

  /** What a sidecar that starts can tell of it; null if nothing runs, or nothing that it could go on with. */
  found(): FoundPostgres | null {
    const { position, receiver, primary, door, rulesets, system, left } = this;
    this.left = null;
    if (!this.running || (primary === null && (receiver === null || !this.streaming))) return null;
    const names = this.foreignNames ?? this.names;
    const as =
      primary !== null || receiver === null
        ? ({ kind: "primary", names, senders: this.observation().senders, left } as const)
        : ({ kind: "standby", ...receiver } as const);
    const common = { history: this.history, flushLsn: position.lsn, postmasterPid: this.starts, door, rulesets };
    return { ...common, systemIdentifier: system ?? "?", as };
  }

  /** Carries an action out at once and says how it went; undefined for those that report nothing. */
  carryOut(op: number, action: PostgresAction, leaderOf: (id: NodeId) => PostgresTable): PostgresReport | undefined {
    switch (action.kind) {
      case "revoke":
        return this.revoke(op);
      case "catch_up":
        return this.catchUp(op, leaderOf(action.source), action.position);
      case "follow":
        this.receiver = { leader: action.leader, term: action.term };
        return { kind: "following", op };
      case "promote":
        return this.promote(op, action);
      case "write_record":
        return { kind: "record_written", op, lsn: this.write(action) };
      case "set_door":
        this.door = action.open ? "open" : "shut";
        return { kind: "door_set", op, open: action.open };
      case "drain":
        this.door = "shut";
        return { kind: "door_set", op, open: false };
      case "set_names":
        this.names = action.names;
        this.foreignNames = null;
        return { kind: "names_set", op };
      case "set_followers":
        this.slots = new Map(action.followers.map((f) => [f.id, f.incarnation]));
        return { kind: "followers_set", op };
      case "clone":
        return this.growClone(op, leaderOf(action.leader), action.term);
      case "nudge":
        if (this.nudged && this.primary !== null) this.append(this.primary, {});
        return undefined;
      case "cancel_clone":
        this.clone = null;
        return undefined;
      case "swap":
        return this.swap(op);
      case "rewind":
        return this.rewind(op, leaderOf(action.leader));
      case "checkpoint":
        if (this.primary !== null) this.checkpointed = this.primary;
        return { kind: "checkpointed", op };
      case "emergency_fence": {
        const { running } = this;
        this.stop();
        return running ? { kind: "exited", reason: "its emergency fence" } : undefined;
      }
      case "fence":
        this.stop();
        return { kind: "fenced", op };
      case "stop":
        this.stop();
        return { kind: "stopped", op };
      default:
        return undefined;
    }
  }

  private write({ term, record, standing }: Extract<PostgresAction, { kind: "write_record" }>): Lsn {
    const { rulesets } = this;
    const isThere = ({ number }: RulesetRecord) => rulesets.some((r) => compareNumbers(r.number, number) === 0);
    if (!standing.every(isThere)) for (const lost of standing) this.append(term, { record: lost });
    return this.append(term, { record });
  }

  private revoke(op: number): PostgresReport {
    if (this.data === "absent") return { kind: "failed", op, reason: "there is no data directory", data: "absent" };
    if (this.torn) return { kind: "failed", op, reason: "VIOLATION: what a rewind left was started", data: "present" };
    if (this.primary !== null || !this.running) this.stop();
    else this.receiver = null;
    this.running = true;
    const { position, rulesets, door } = this;
    const means =
      this.bytes === null ? {} : { means: { bytes: this.bytes, noRewind: this.noRewind, noClone: this.noClone } };
    return { kind: "revoked", op, position, rulesets, systemIdentifier: this.system ?? "?", door, ...means };
  }

  /** From the moment it is asked for: Postgres stops, and its directory is no log until the rewind is done. */
  beginRewind(): void {
    this.stop();
    this.torn = true;
  }

  /** A source that has not checkpointed under its timeline needs no rewind, it says, and nothing is changed (POSTGRES.md trap 8). */
  private rewind(op: number, leader: PostgresTable): PostgresReport {
    if (leader.primary === null) return { kind: "failed", op, reason: `${leader.id} is no primary`, data: "present" };
    if (leader.checkpointed === leader.primary && !this.rewindsNothing) this.log = leader.log;
    this.torn = false;
    return { kind: "rewound", op };
  }

  /** Streams from a standby that stands still, up to the position asked for; a log that is no part of the other cannot. */
  private catchUp(op: number, source: PostgresTable, to: Position): PostgresReport {
    if (!source.running || !this.log.every((entry, i) => source.log[i] === entry))
      return { kind: "failed", op, reason: `${this.id} cannot stream from ${source.id}`, data: this.data };
    this.log = source.log.filter((e) => comparePositions({ timeline: e.timeline, lsn: e.lsn }, to) <= 0);
    const { position, rulesets, door } = this;
    return { kind: "caught_up", op, position, rulesets, systemIdentifier: this.system ?? "?", door };
  }

  private promote(op: number, action: Extract<PostgresAction, { kind: "promote" }>): PostgresReport {
    if (action.founding) {
      this.wipe();
      this.data = "present";
      this.running = true;
      this.system = `system-${this.id}-${action.term}`;
      this.append(1n, {});
    } else if (comparePositions(this.position, action.position) !== 0) {
      const reason = `stands at ${formatPosition(this.position)}, not at ${formatPosition(action.position)}`;
      return { kind: "failed", op, reason, data: this.data };
    }
    this.slots = new Map(action.followers.map((f) => [f.id, f.incarnation]));
    this.names = action.names;
    this.foreignNames = null;
    this.door = "shut";
    this.primary = action.term;
    this.append(action.term, {});
    return { kind: "promoted", op, history: this.history, systemIdentifier: this.system ?? "?" };
  }

  private growClone(op: number, leader: PostgresTable, term: Term): PostgresReport {
    if (leader.primary !== term)
      return { kind: "failed", op, reason: `${leader.id} does not lead term ${term}`, data: this.data };
    this.clone = { log: leader.log, system: leader.system ?? "?" };
    const { timeline, lsn } = leader.position;
    const said = this.cloneSaid ?? { position: { timeline, lsn }, systemIdentifier: this.clone.system };
    this.cloneSaid = null;
    return { kind: "cloned", op, ...said };
  }

  private swap(op: number): PostgresReport {
    if (this.clone === null) return { kind: "failed", op, reason: "there is no clone", data: this.data };
    this.stop();
    this.log = this.clone.log;
    this.torn = false;
    this.system = this.clone.system;
    this.data = "present";
    this.clone = null;
    return { kind: "swapped", op };
  }
}
