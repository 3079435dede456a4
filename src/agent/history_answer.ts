/** Who led when and why, as this node's log has it: what `quorate history` prints. Read-only; nothing is decided by it. */
import type { LeadershipLog, LoggedRecord } from "../core/leaderships.js";
import { type Leadership, leaderships } from "../core/leaderships.js";
import { formatLsn } from "../core/log/lsn.js";
import type { State } from "../core/state.js";

export function historyAnswer(state: State, log: LeadershipLog, cluster: string) {
  const { leading, following } = state.volatile;
  const timelines = leading?.history ?? following?.ready?.history ?? null;
  return {
    schema: "quorate.history/1",
    cluster,
    node: state.config.self,
    terms: leaderships(log, timelines).map(termJson),
  };
}

function termJson(led: Leadership) {
  const { evidence } = led;
  return {
    term: led.term,
    leader: led.leader,
    at: led.at,
    ended_at: led.endedAt,
    lsn: led.lsn === null ? null : formatLsn(led.lsn),
    established: led.established,
    cause: led.cause,
    founding: evidence?.founding ?? null,
    coordinator: evidence?.coordinator ?? null,
    recruited: evidence === null ? null : [...evidence.recruited],
    started_unix_ms: evidence?.startedUnixMs ?? null,
    phases:
      evidence === null
        ? null
        : {
            detect_ms: evidence.detectMs,
            recruit_ms: evidence.recruitMs,
            promote_ms: evidence.promoteMs,
            establish_ms: evidence.establishMs,
          },
    changes: led.changes.map(changeJson),
  };
}

function changeJson({ number, state, cause, at }: LoggedRecord) {
  return { number: [Number(number.term), number.subterm], state, cause, at };
}
