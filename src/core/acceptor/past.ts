/**
 * A node that was restored from a snapshot has forgotten what it promised and what it held. It cannot know by itself:
 * the others remember the last promise they saw of it, and tell it with each status and each recruitment. It takes the
 * promise back and is a non-voter, both durably before it answers anything more, until it has flushed up to the end that
 * its leader reported after this life of its sidecar began (DESIGN 5.7, 8).
 *
 * What nobody else remembers is not noticed: the others' memory is lost when their sidecars end, a promise may never have
 * been heard by any of those that are left, and of WAL that was lost without a promise nobody keeps account.
 */
import { isFresh } from "../detector/detector.js";
import { stepDown } from "../leader/office.js";
import { formatLsn } from "../log/lsn.js";
import type { PromiseMade, Seen } from "../messages.js";
import type { Turn } from "../turn.js";
import { cancelClone, failPending } from "./acceptor.js";
import { hasForgotten, withPromise } from "./remembered.js";

/** Others remember a promise of this node: news only if it was restored from before it gave it. */
export function recall(turn: Turn, by: string, seen: Seen): void {
  if (seen.node !== turn.self || seen.incarnation !== turn.durable.incarnation) return;
  const { promise, promises } = turn.durable;
  const fell = seen.term > promise.term;
  if (!fell && !hasForgotten(promises, seen)) return;
  const made: PromiseMade = { term: seen.term, boot: seen.boot };
  const why = `${by} remembers that it promised term ${seen.term}, which it has forgotten: it was restored from the past`;
  if (fell) {
    failPending(turn, "stale_term", `${turn.self} has promised term ${seen.term} before`);
    turn.set({ following: null });
    cancelClone(turn);
  }
  // It may have been elected by its own vote.
  stepDown(turn, why);
  turn.promise({
    promise: fell ? { term: seen.term, attempt: null } : promise,
    promises: withPromise(promises, made),
    nonVoter: true,
  });
  turn.note("error", "from_the_past", `${why}, and does not vote until it has caught up`, {
    peer: by,
    promise: Number(promise.term),
    before: Number(seen.term),
  });
}

/** All that may ever have been acknowledged with its copy is on it again, and its leader's term is not below its promise. */
export function regainVote(turn: Turn): void {
  const { following, postgres, peers } = turn.volatile;
  if (!turn.durable.nonVoter || following === null || !postgres.streaming || postgres.flushLsn === null) return;
  const leader = peers[following.leader];
  if (!isFresh(turn.state(), leader) || leader.forgot) return;
  const { status } = leader;
  if (status.role !== "leader" || status.term !== following.term || !status.established) return;
  const end = status.seen.find((s) => s.node === turn.self)?.end;
  if (end == null || end.boot !== turn.config.boot || postgres.flushLsn < end.lsn) return;
  turn.promise({ nonVoter: false });
  turn.note("info", "caught_up_from_the_past", `holds all that ${following.leader} held, and votes again`, {
    leader: following.leader,
    end: formatLsn(end.lsn),
  });
}
