import { formatPosition } from "../../src/core/log/position.js";
import type { Machine } from "./machine.js";

/** What a person would ask of a node, in one line. */
export function nodeLine({ id, loop, postgres }: Machine): string {
  const log =
    postgres.data === "absent" ? "no data" : `${formatPosition(postgres.position)} [${logText(postgres.log)}]`;
  if (loop === null) return `${id} is down; ${log}`;
  const { durable, volatile } = loop.state;
  const { leading, following, blocked, election } = volatile;
  const role =
    leading !== null
      ? `leads ${leading.term} (${leading.stage})`
      : following !== null
        ? `follows ${following.leader}@${following.term}`
        : "has no leader";
  const rest = [
    election.stage === "idle" ? "" : `, ${election.stage} ${election.term}`,
    blocked === null ? "" : `, blocked: ${blocked.code}`,
    durable.nonVoter ? ", no vote" : "",
    durable.pause.paused ? ", PAUSED" : "",
    volatile.mandate === null ? "" : `, ${volatile.mandate.kind} ${volatile.mandate.stage}`,
    volatile.postgres.door === "open" ? ", door open" : "",
  ].join("");
  return `${id} ${role}, promised ${durable.promise.term}${rest}; ${log}`;
}

function logText(log: Machine["postgres"]["log"]): string {
  let timeline = 0n;
  const words: string[] = [];
  for (const entry of log) {
    if (entry.timeline !== timeline) words.push(`${entry.timeline}:`);
    timeline = entry.timeline;
    if (entry.write !== null) words.push(entry.write);
    if (entry.record !== null)
      words.push(`${entry.record.state}(${entry.record.number.term},${entry.record.number.subterm})`);
  }
  return words.join(" ");
}
