import type { NodeId } from "../../src/core/ruleset/ruleset.js";
import type { Machine, Message } from "./machine.js";
import type { Request } from "./message_text.js";
import { actionText } from "./message_text.js";
import type { World } from "./world.js";

export interface Call {
  readonly from: NodeId;
  readonly kind: Message["kind"];
  readonly request: Request;
}

/** A copy of the last `kind/term` sent, with another term, nonce, leader, position or lease awaited: what an adversary would try. */
export function altered(calls: readonly Call[], which: string, change: Readonly<Record<string, string>>): Call {
  const asked = calls.findLast((c) => `${c.kind}/${c.request.term}` === which);
  if (asked === undefined) throw new Error(`there was no request ${which}`);
  const { attempt } = asked.request;
  const request = {
    ...asked.request,
    ...(change.term === undefined ? {} : { term: BigInt(change.term) }),
    ...(change.leader === undefined ? {} : { leader: change.leader }),
    ...(change.member === undefined ? {} : { memberIncarnation: change.member }),
    ...(change.ready === undefined ? {} : { ready: null }),
    ...(change.nonce === undefined ? {} : { attempt: { ...attempt, nonce: change.nonce } }),
    ...(change.leases === undefined ? {} : { leases: [{ leader: null, term: 0n, ms: Number(change.leases) }] }),
    ...(change.lsn === undefined || !("position" in asked.request)
      ? {}
      : { position: { ...asked.request.position, lsn: BigInt(change.lsn) } }),
  };
  return { ...asked, request: request as Request };
}

/** The first waiting operation of this Postgres fails. */
export function failOperation(world: World, { id, operations, postgres, loop }: Machine): void {
  const operation = operations.shift();
  if (operation === undefined) throw new Error(`${id} has no operation under way`);
  world.say(`${id} postgres ${actionText(operation.action)} FAILED`);
  const { data } = postgres;
  const report = { kind: "failed" as const, op: operation.op, reason: "failed by the script", data };
  loop?.deliver({ kind: "postgres", report });
}
