import type { Credentials } from "../agent/ports.js";
import type { CohortOrder } from "../core/leader/ordered_cohort.js";
import type {
  CatchUpRequest,
  CatchUpResult,
  FollowRequest,
  FollowResult,
  NodeStatus,
  PromoteRequest,
  PromoteResult,
  RecruitRequest,
  RecruitResult,
} from "../core/messages.js";
import type { ChangeResult } from "../core/ruleset/wanted.js";
import { orderToCore, orderToWire, resultToCore, resultToWire } from "./change_codec.js";
import {
  answerToCore,
  answerToWire,
  attemptToCore,
  followToCore,
  passwords,
  refusalToCore,
  refusalToWire,
} from "./consensus_codec.js";
import { EDGE_LIMITS } from "./edge_limits.js";
import type { Envelope } from "./envelope.js";
import { envelopeToCore, envelopeToWire } from "./envelope.js";
import type { Decoded } from "./fields.js";
import { cut, decoding, leadableTerm, list, Malformed, nodeId, position, present, text } from "./fields.js";
import * as admin from "./gen/quorate/v1/admin.js";
import * as consensus from "./gen/quorate/v1/consensus.js";
import { leasesToCore, leasesToWire } from "./lease_codec.js";
import { seenToCore, seenToWire } from "./memory_codec.js";
import type { PeerAddress } from "./peer_link.js";
import { historyToWire, numberToCore, rulesetToCore, rulesetToWire } from "./ruleset_codec.js";
import { statusToCore, statusToWire } from "./status_codec.js";

/**
 * Every message as bytes, proto ↔ core. gRPC carries bytes only: so a malformed message becomes a reason
 * in our own words at one place, and a status that goes to several watchers is encoded once.
 */
export interface Codec<T> {
  encode(envelope: Envelope, body: T): Buffer;
  decode(bytes: Uint8Array): Decoded<Parcel<T>>;
}

export interface Parcel<T> {
  readonly envelope: Envelope;
  readonly body: T;
}

/** Where a sidecar is reached. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Following {
  readonly request: FollowRequest;
  readonly credentials: Credentials | null;
}

type WireEnvelope = ReturnType<typeof envelopeToWire>;

/** What ts-proto generates for each message. */
interface MessageType<W> {
  encode(message: W): { finish(): Uint8Array };
  decode(bytes: Uint8Array): W;
}

export function codec<W extends { envelope: WireEnvelope | undefined }, T>(
  name: string,
  type: MessageType<W>,
  toWire: (body: T) => Omit<W, "envelope">,
  toCore: (message: W) => T,
): Codec<T> {
  return {
    encode(envelope, body) {
      const message = { ...toWire(body), envelope: envelopeToWire(envelope) } as W;
      return Buffer.from(type.encode(message).finish());
    },
    decode: (bytes) =>
      decoding(name, () => {
        const message = type.decode(bytes);
        return { envelope: envelopeToCore(message.envelope), body: toCore(message) };
      }),
  };
}

export const recruitRequest: Codec<RecruitRequest> = codec(
  "Recruit",
  consensus.RecruitRequest,
  ({ term: of, attempt, seen }) => ({ term: of, attempt, seen: seen === null ? undefined : seenToWire(seen) }),
  (m) => ({
    term: leadableTerm(m.term, "term"),
    attempt: attemptToCore(m.attempt),
    seen: m.seen === undefined ? null : seenToCore(m.seen, "seen"),
  }),
);

export const recruitResult: Codec<RecruitResult> = codec(
  "answer to Recruit",
  consensus.RecruitResponse,
  (result) => ({
    result: result.ok
      ? { $case: "answer" as const, value: answerToWire(result.answer) }
      : { $case: "refusal" as const, value: refusalToWire(result.refusal) },
  }),
  (m) => {
    const result = present(m.result, "result");
    return result.$case === "answer"
      ? { ok: true, answer: answerToCore(result.value) }
      : { ok: false, refusal: refusalToCore(result.value) };
  },
);

export const promoteRequest: Codec<PromoteRequest> = codec(
  "Promote",
  consensus.PromoteRequest,
  (request) => ({
    term: request.term,
    attempt: request.attempt,
    position: request.position,
    obliged: request.obliged.map(rulesetToWire),
    ruleset: rulesetToWire(request.ruleset),
    founding: request.founding,
    recruited: [...request.recruited],
    cause: cut(request.cause),
    voids: request.voids ?? undefined,
    leases: leasesToWire(request.leases),
  }),
  (m) => ({
    term: leadableTerm(m.term, "term"),
    attempt: attemptToCore(m.attempt),
    position: position(m.position, "position"),
    obliged: list(m.obliged, "obliged", EDGE_LIMITS.obliged, rulesetToCore),
    ruleset: rulesetToCore(m.ruleset, "ruleset"),
    founding: m.founding,
    recruited: list(m.recruited, "recruited", EDGE_LIMITS.members, nodeId),
    cause: text(m.cause, "cause"),
    voids: m.voids === undefined ? null : numberToCore(m.voids, "voids"),
    leases: leasesToCore(m.leases, "leases"),
  }),
);

export const promoteResult: Codec<PromoteResult> = codec(
  "answer to Promote",
  consensus.PromoteResponse,
  (result) => ({
    result: result.ok
      ? { $case: "promoted" as const, value: {} }
      : { $case: "refusal" as const, value: refusalToWire(result.refusal) },
  }),
  (m) => {
    const result = present(m.result, "result");
    return result.$case === "promoted" ? { ok: true } : { ok: false, refusal: refusalToCore(result.value) };
  },
);

export const catchUpRequest: Codec<CatchUpRequest> = codec(
  "CatchUp",
  consensus.CatchUpRequest,
  ({ term: of, attempt, source, position: at }) => ({ term: of, attempt, source, position: at }),
  (m) => ({
    term: leadableTerm(m.term, "term"),
    attempt: attemptToCore(m.attempt),
    source: nodeId(m.source, "source"),
    position: position(m.position, "position"),
  }),
);

export const catchUpResult: Codec<CatchUpResult> = codec(
  "answer to CatchUp",
  consensus.CatchUpResponse,
  (result) => ({
    result: result.ok
      ? { $case: "caughtUp" as const, value: {} }
      : { $case: "refusal" as const, value: refusalToWire(result.refusal) },
  }),
  (m) => {
    const result = present(m.result, "result");
    return result.$case === "caughtUp" ? { ok: true } : { ok: false, refusal: refusalToCore(result.value) };
  },
);

export const followRequest: Codec<Following> = codec(
  "Follow",
  consensus.FollowRequest,
  ({ request, credentials }) => ({
    term: request.term,
    attempt: request.attempt,
    leader: request.leader,
    leaderIncarnation: request.leaderIncarnation,
    memberIncarnation: request.memberIncarnation,
    ready:
      request.ready === null
        ? undefined
        : { history: historyToWire(request.ready.history), systemIdentifier: request.ready.systemIdentifier },
    credentials: credentials ?? undefined,
  }),
  (m) => ({ request: followToCore(m), credentials: m.credentials === undefined ? null : passwords(m.credentials) }),
);

export const followResult: Codec<FollowResult> = codec(
  "answer to Follow",
  consensus.FollowResponse,
  (result) => ({
    result: result.ok
      ? { $case: "following" as const, value: { contained: result.contained ?? undefined } }
      : { $case: "refusal" as const, value: refusalToWire(result.refusal) },
  }),
  (m) => {
    const result = present(m.result, "result");
    return result.$case === "following"
      ? { ok: true, contained: result.value.contained ?? null }
      : { ok: false, refusal: refusalToCore(result.value) };
  },
);

export const watchRequest: Codec<Address | null> = codec(
  "Watch",
  consensus.WatchRequest,
  (address) => ({ address: address ?? undefined }),
  (m) => (m.address === undefined ? null : addressToCore(m.address)),
);

/** A status, and where its sender reached those whom its rulesets name. */
export interface Told {
  readonly status: NodeStatus;
  readonly others: readonly PeerAddress[];
}

export const watchUpdate: Codec<Told> = codec(
  "status",
  consensus.WatchUpdate,
  ({ status, others }) => ({
    status: statusToWire(status),
    others: others.map(({ id, host, port }) => ({ node: id, address: { host, port } })),
  }),
  (m) => ({
    status: statusToCore(m.status),
    others: list(m.others, "others", EDGE_LIMITS.members, (place, field) => ({
      id: nodeId(place.node, `${field}.node`),
      ...addressToCore(present(place.address, `${field}.address`)),
    })),
  }),
);

export const statusRequest: Codec<null> = codec(
  "Status",
  admin.StatusRequest,
  () => ({}),
  () => null,
);

export const statusResponse: Codec<string> = codec(
  "answer to Status",
  admin.StatusResponse,
  (json) => ({ json }),
  (m) => m.json,
);

export const historyRequest: Codec<null> = codec(
  "History",
  admin.HistoryRequest,
  () => ({}),
  () => null,
);

export const historyResponse: Codec<string> = codec(
  "answer to History",
  admin.HistoryResponse,
  (json) => ({ json }),
  (m) => m.json,
);

export const changeCohortRequest: Codec<CohortOrder> = codec(
  "ChangeCohort",
  admin.ChangeCohortRequest,
  orderToWire,
  orderToCore,
);

export const changeCohortResponse: Codec<ChangeResult> = codec(
  "answer to ChangeCohort",
  admin.ChangeCohortResponse,
  (result) => ({ result: resultToWire(result) }),
  (m) => resultToCore(present(m.result, "result")),
);

function addressToCore({ host, port }: consensus.Address): Address {
  if (port < 1 || port > 65_535) throw new Malformed(`address.port is no port: ${port}`);
  if (!HOST.test(host)) throw new Malformed("address.host is no name or address of a host");
  return { host, port };
}

/** A name, or an address of either kind. */
const HOST = /^[A-Za-z0-9:][A-Za-z0-9.:%-]{0,252}$/;
