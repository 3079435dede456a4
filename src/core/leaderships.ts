/** Who led when and why, from what stands in a node's log. One function for the command line, HTTP and whoever else asks. */
import type { History } from "./log/history.js";
import type { Lsn } from "./log/lsn.js";
import type { Term } from "./log/position.js";
import type { NodeId, RulesetNumber, RulesetRecord } from "./ruleset/ruleset.js";
import type { TermEvidence } from "./term_evidence.js";

/** A row of the ruleset history, without the ruleset. */
export interface LoggedRecord {
  readonly number: RulesetNumber;
  readonly state: RulesetRecord["state"];
  readonly writtenBy: NodeId;
  readonly cause: string;
  /** ISO 8601, by the clock of who wrote it. */
  readonly at: string;
}

/** One term that somebody led. */
export interface Leadership {
  readonly term: number;
  readonly leader: NodeId;
  readonly cause: string;
  /** When its first record was written: ISO 8601, by the leader's clock. */
  readonly at: string;
  /** When the next one's was; null of the last. */
  readonly endedAt: string | null;
  /** Where its timeline begins; null where the timelines are not known, and of a log's first one. */
  readonly lsn: Lsn | null;
  /** The log proves that it was. Without a proof it may have been, or its leader may have been too late. */
  readonly established: boolean;
  /** Null if its leader did not live to write it, a few seconds after it was established. */
  readonly evidence: TermEvidence | null;
  /** Changes of the rules under it, oldest first. */
  readonly changes: readonly LoggedRecord[];
}

/** What one node's log holds. */
export interface LeadershipLog {
  /** Oldest first. */
  readonly records: readonly LoggedRecord[];
  /** In any order, one a term. */
  readonly evidence: readonly TermEvidence[];
}

/** @param history of the leader whom the node follows or is; null if it knows none. @returns oldest first. */
export function leaderships(log: LeadershipLog, history: History | null): readonly Leadership[] {
  const firsts: LoggedRecord[] = [];
  for (const record of log.records) {
    const isFirst = record.state === "proposed" && record.number.subterm === 0;
    // A record that somebody deleted is written again under its number.
    if (isFirst && !firsts.some((known) => known.number.term === record.number.term)) firsts.push(record);
  }
  return firsts.map(({ number: { term }, writtenBy, cause, at }, i) => {
    const own = log.records.filter((record) => record.number.term === term);
    const evidence = log.evidence.find((known) => known.term === term) ?? null;
    return {
      term: Number(term),
      leader: writtenBy,
      cause,
      at,
      endedAt: firsts[i + 1]?.at ?? null,
      lsn: history === null ? null : beginningOf(history, term),
      established: evidence !== null || own.some((record) => record.state === "decided"),
      evidence,
      changes: own.filter((record) => record.number.subterm > 0),
    };
  });
}

function beginningOf(history: History, term: Term): Lsn | null {
  const timelines = [...history.ancestors.map(({ timeline }) => timeline), history.timeline];
  return history.ancestors[timelines.indexOf(term) - 1]?.end ?? null;
}
