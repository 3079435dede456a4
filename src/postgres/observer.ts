import type { Observation, SenderSeen } from "../core/events.js";
import { LSN_ZERO, type Lsn, maxLsn } from "../core/log/lsn.js";
import type { RulesetRecord } from "../core/ruleset/ruleset.js";
import type { Instance } from "./instance.js";
import { type LeaderView, observeLeader, observeStandby, type StandbyView } from "./observe.js";
import { readRulesets, rulesetsEnd } from "./ruleset_table.js";

/** From this pace on nobody waits for what is seen. */
const UNHURRIED_MS = 500;
/** Slots that hold WAL back for nobody, or that were lost, can wait this long. */
const MAINTAIN_EVERY_MS = 2_000;
/** How soon a standby's sidecar knows of rules that were changed: it tells others of them, and decides nothing by them. */
const RULESETS_EVERY_MS = 1_000;

/** A Postgres that takes longer to answer hangs, or its machine is far too busy: either way it is to be known. */
const UNANSWERED_MS = 250;

/** Looks at the running Postgres again and again: closely while somebody waits, rarely when idle. */
export class Observer {
  private readonly current: () => Instance | null;
  private readonly seen: (observation: Observation) => void;
  private readonly unanswered: (ms: number) => void;
  private readonly maintain: (instance: Instance, as: "leader" | "follower") => Promise<void>;
  private everyMs = 1000;
  private as: "leader" | "follower" | "idle" = "idle";
  private timer: NodeJS.Timeout | null = null;
  private looking = false;
  private again = false;
  private maintainedMs = Number.NEGATIVE_INFINITY;
  private rulesets: RulesetsSeen | null = null;

  constructor(
    current: () => Instance | null,
    seen: (observation: Observation) => void,
    unanswered: (ms: number) => void,
    maintain: (instance: Instance, as: "leader" | "follower") => Promise<void>,
  ) {
    this.current = current;
    this.seen = seen;
    this.unanswered = unanswered;
    this.maintain = maintain;
  }

  pace(everyMs: number, as: "leader" | "follower" | "idle"): void {
    this.everyMs = everyMs;
    this.as = as;
    if (as === "idle") this.pause();
    else void this.look();
  }

  pause(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  stop(): void {
    this.as = "idle";
    this.pause();
  }

  private async look(): Promise<void> {
    // A closer pace was asked for while a look is under way: it is followed at once by another.
    if (this.looking) {
      this.again = true;
      return;
    }
    this.looking = true;
    this.pause();
    const instance = this.current();
    const as = this.as;
    try {
      if (instance !== null && as !== "idle") {
        const observation = await this.lookAs(as, instance);
        if (observation !== null && this.as === as && this.current() === instance) this.seen(observation);
        if (this.everyMs >= UNHURRIED_MS) await this.maintainNow(instance, as);
      }
    } catch {
      // The session is gone, or Postgres changed its role under the query. The instance watches its own sessions and
      // reports their end; the next look tells the rest.
    } finally {
      this.looking = false;
    }
    if (this.as === "idle") return;
    const pause = this.again ? 0 : this.everyMs;
    this.again = false;
    this.timer = setTimeout(() => void this.look(), pause);
  }

  private async lookAs(as: "leader" | "follower", instance: Instance): Promise<Observation | null> {
    const late = setTimeout(() => {
      if (this.as === as && this.current() === instance) this.unanswered(UNANSWERED_MS);
    }, UNANSWERED_MS);
    try {
      return await (as === "leader" ? lookAtLeader(instance) : this.lookAtStandby(instance));
    } finally {
      clearTimeout(late);
    }
  }

  private async lookAtStandby(instance: Instance): Promise<Observation | null> {
    const seen = await standbySeen(instance);
    return seen === null ? null : { ...seen, rulesets: await this.replayedRulesets(instance) };
  }

  /** Read whole, and only when the table has another end than when it was read last: a history grows for ever. */
  private async replayedRulesets(instance: Instance): Promise<readonly RulesetRecord[] | null> {
    const nowMs = performance.now();
    const before = this.rulesets?.instance === instance ? this.rulesets : null;
    if (before !== null && nowMs - before.atMs < RULESETS_EVERY_MS) return null;
    const end = await rulesetsEnd(instance.observer);
    const changed = end !== null && end !== before?.end;
    const read = changed ? await readRulesets(instance.observer) : null;
    this.rulesets = { instance, end: changed && read?.kind !== "rows" ? (before?.end ?? null) : end, atMs: nowMs };
    return read?.kind === "rows" ? read.rows : null;
  }

  private async maintainNow(instance: Instance, as: "leader" | "follower"): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.maintainedMs < MAINTAIN_EVERY_MS) return;
    this.maintainedMs = nowMs;
    await this.maintain(instance, as);
  }
}

async function lookAtLeader(instance: Instance): Promise<Observation> {
  const view = await observeLeader(instance.observer);
  return {
    flushLsn: view.flushLsn,
    replayLsn: null,
    postmasterPid: instance.running.pid,
    streaming: false,
    names: view.names,
    senders: sendersOf(view),
    rulesets: null,
  };
}

export function sendersOf({ walsenders }: LeaderView): readonly SenderSeen[] {
  return walsenders.flatMap((w) => {
    // Without a slot of its own a connection may be the second one of a name (trap 17): it does not count.
    if (w.flushLsn === null || w.slot === null) return [];
    return [{ name: w.applicationName, streaming: w.state === "streaming", flushLsn: w.flushLsn, pid: w.backendPid }];
  });
}

/** A new receiver starts again at the beginning of its segment, below what was replayed long ago (trap 12). */
export function standbyFlushLsn(view: StandbyView): Lsn {
  const known = [view.walreceiver?.flushedLsn, view.receiveLsn, view.replayLsn].filter((lsn) => lsn != null);
  return known.reduce((a, b) => maxLsn(a, b), LSN_ZERO);
}

interface RulesetsSeen {
  readonly instance: Instance;
  readonly end: string | null;
  readonly atMs: number;
}

async function standbySeen(instance: Instance): Promise<Omit<Observation, "rulesets"> | null> {
  const view = await observeStandby(instance.observer);
  const flushLsn = standbyFlushLsn(view);
  if (flushLsn === LSN_ZERO) return null;
  return {
    flushLsn,
    replayLsn: view.replayLsn,
    postmasterPid: instance.running.pid,
    streaming: view.walreceiver?.status === "streaming",
    names: null,
    senders: [],
  };
}
