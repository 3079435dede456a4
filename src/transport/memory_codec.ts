import { PROMISES_KEPT } from "../core/limits.js";
import type { PromiseMade, Seen } from "../core/messages.js";
import { EDGE_LIMITS } from "./edge_limits.js";
import { list, nodeId, present, term, token } from "./fields.js";
import type * as wire from "./gen/quorate/v1/cluster.js";

/** What nodes remember of their own promises and of one another's, proto ↔ core. */

export function promisesToCore(promises: readonly wire.PromiseMade[], field: string): PromiseMade[] {
  return list(promises, field, PROMISES_KEPT, promiseToCore);
}

function promiseToCore(promise: wire.PromiseMade, field: string): PromiseMade {
  return { term: term(promise.term, `${field}.term`), boot: token(promise.boot, `${field}.boot`) };
}

export function seenToWire({ node, incarnation, term: of, boot, end }: Seen): wire.Seen {
  return { node, incarnation, promise: { term: of, boot }, end: end ?? undefined };
}

export function seenToCore(seen: wire.Seen, field: string): Seen {
  const { end } = seen;
  return {
    node: nodeId(seen.node, `${field}.node`),
    incarnation: token(seen.incarnation, `${field}.incarnation`),
    ...promiseToCore(present(seen.promise, `${field}.promise`), `${field}.promise`),
    end: end === undefined ? null : { boot: token(end.boot, `${field}.end.boot`), lsn: end.lsn },
  };
}

export function allSeenToCore(seen: readonly wire.Seen[], field: string): Seen[] {
  return list(seen, field, EDGE_LIMITS.members, seenToCore);
}
