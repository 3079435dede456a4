/**
 * Who may stream under which name in this term. A name that the setting lists counts as a copy, so a node that was
 * wiped is let in under its old name only once the names in force do not count it (hole H8); and a new one only once
 * it has a slot of its own.
 */
import { compileNative } from "../quorum/sync_standby_names.js";
import type { Incarnation, NodeId } from "../ruleset/ruleset.js";
import type { Seat } from "../ruleset/seats.js";
import type { Leading } from "../state.js";
import type { Turn } from "../turn.js";
import { audience, shownIncarnation } from "./followers.js";
import { updateLeading } from "./office.js";

/** Gives a name to whoever shows up under it: the names in force follow, and then the slots. */
export function seatNewcomers(turn: Turn): void {
  const { leading } = turn.volatile;
  if (leading === null) return;
  for (const id of audience(turn, leading)) {
    const shown = shownIncarnation(turn, id);
    const now = turn.volatile.leading;
    if (shown === undefined || now === null || now.seats[id] === shown) continue;
    if (now.seats[id] !== undefined && !mayTake(turn, now, id, shown)) continue;
    const seats = { ...now.seats, [id]: shown };
    // Without the old incarnation no set of followers might be a quorum: then the stranger stays outside.
    if (!compileNative(now.obliged, turn.self, seats).ok) continue;
    updateLeading(turn, { seats });
    turn.note("info", "seated", `${id} is let in as incarnation ${shown}; its copy counts where a ruleset names it`, {
      peer: id,
      term: Number(now.term),
    });
  }
}

/** Whoever streams keeps its name; an empty one is given away only to the incarnation that the rules name or are to name, or to an observer. */
function mayTake(turn: Turn, leading: Leading, id: NodeId, shown: Incarnation): boolean {
  if (leading.senders[id] !== undefined) return false;
  if (turn.config.admitObservers) return true;
  return [leading.ruleset.cohort, leading.change?.request.cohort ?? []].some((cohort) =>
    cohort.some((m) => m.id === id && m.incarnation === shown),
  );
}

/** The slots follow the seats, after the names: those in force must count nobody who has no right to it. */
export function serve(turn: Turn): void {
  const { leading, postgres } = turn.volatile;
  if (leading === null || postgres.op !== null) return;
  const { sweepAtMs } = leading;
  if (sweepAtMs !== null && turn.nowMs < sweepAtMs) return;
  const followers = toServe(turn, leading);
  if (sweepAtMs === null && sameSeats(followers, leading.served)) return;
  updateLeading(turn, { serving: followers });
  turn.operate({ kind: "set_followers", followers }, leading.term);
}

/** Who was asked to be served is; who is not among them any more is released. */
export function onFollowersSet(turn: Turn): void {
  const { leading } = turn.volatile;
  if (leading === null) return;
  const gone = leading.served.map((s) => s.id).filter((id) => !leading.serving.some((s) => s.id === id));
  updateLeading(turn, { served: leading.serving, sweepAtMs: null });
  if (gone.length > 0)
    turn.note("info", "released", `${gone.join(", ")}: no ruleset names them any more, and nothing is kept for them`, {
      nodes: gone,
    });
}

export function isServed(turn: Turn, leading: Leading): boolean {
  return sameSeats(toServe(turn, leading), leading.served);
}

/** Who may dial under this name, if its slot is there. */
export function servedAs(leading: Leading, id: NodeId): Incarnation | undefined {
  const seat = leading.seats[id];
  return leading.served.some((s) => s.id === id && s.incarnation === seat) ? seat : undefined;
}

function toServe(turn: Turn, leading: Leading): Seat[] {
  return audience(turn, leading).flatMap((id) => {
    const incarnation = leading.seats[id];
    return incarnation === undefined ? [] : [{ id, incarnation }];
  });
}

function sameSeats(a: readonly Seat[], b: readonly Seat[]): boolean {
  return a.length === b.length && a.every((s, i) => s.id === b[i]?.id && s.incarnation === b[i]?.incarnation);
}
