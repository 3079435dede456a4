import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FollowRequest, NodeStatus } from "../../src/core/messages.js";
import type { Ruleset } from "../../src/core/ruleset/ruleset.js";
import { EDGE_LIMITS } from "../../src/transport/edge_limits.js";
import type { Envelope } from "../../src/transport/envelope.js";
import { Role } from "../../src/transport/gen/quorate/v1/cluster.js";
import * as wire from "../../src/transport/gen/quorate/v1/consensus.js";
import type { Codec } from "../../src/transport/messages.js";
import * as codecs from "../../src/transport/messages.js";
import * as any from "./arbitraries.js";
import { sampleStatus } from "./cluster_of_transports.js";

const ENVELOPE: Envelope = {
  cluster: "shop",
  protocol: { min: 1, max: 1 },
  sender: { node: "n1", incarnation: "i1", systemIdentifier: null },
  to: "n2",
};
const ATTEMPT = { node: "n1", nonce: "x1" };
const MEMBER = { id: "n1", incarnation: "i1", labels: {}, eligible: true };
const RULESET: Ruleset = { policy: { kind: "majority" }, cohort: [MEMBER] };

const told = (status: NodeStatus): codecs.Told => ({ status, others: [] });

function roundTrips<T>(name: string, codec: Codec<T>, body: fc.Arbitrary<T>): void {
  it(`${name}: what is decoded is what was encoded`, () => {
    fc.assert(
      fc.property(any.envelope, body, (envelope, value) => {
        expect(codec.decode(codec.encode(envelope, value))).toEqual({ ok: true, value: { envelope, body: value } });
      }),
    );
  });
}

function refusalOf<T>(codec: Codec<T>, body: T, envelope: Envelope = ENVELOPE): string {
  const decoded = codec.decode(codec.encode(envelope, body));
  if (decoded.ok) throw new Error("was accepted");
  return decoded.reason;
}

describe("round trips", () => {
  roundTrips("Recruit", codecs.recruitRequest, any.recruit);
  roundTrips("answer to Recruit", codecs.recruitResult, any.recruited);
  roundTrips("Promote", codecs.promoteRequest, any.promote);
  roundTrips("answer to Promote", codecs.promoteResult, any.promoted);
  roundTrips("CatchUp", codecs.catchUpRequest, any.catchUp);
  roundTrips("answer to CatchUp", codecs.catchUpResult, any.promoted);
  roundTrips("Follow", codecs.followRequest, fc.record({ request: any.follow, credentials: any.credentials }));
  roundTrips("answer to Follow", codecs.followResult, any.followed);
  const port = fc.integer({ min: 1, max: 65_535 });
  const host = fc.constantFrom("10.0.0.4", "::1", "fe80::1%eth0", "db-4.example");
  roundTrips("Watch", codecs.watchRequest, fc.option(fc.record({ host, port }), { nil: null }));
  roundTrips("ChangeCohort", codecs.changeCohortRequest, any.cohortOrder);
  roundTrips("answer to ChangeCohort", codecs.changeCohortResponse, any.changeResult);
  const others = fc.array(fc.record({ id: any.id, host, port }), { maxLength: 9 });
  roundTrips("status", codecs.watchUpdate, fc.record({ status: any.nodeStatus, others }));
  roundTrips("answer to Status", codecs.statusResponse, fc.string({ unit: "grapheme" }));
  roundTrips("answer to History", codecs.historyResponse, fc.string({ unit: "grapheme" }));

  it("a label may be called as an object's own property is", () => {
    const labels = JSON.parse('{"__proto__":"a","constructor":"b"}') as Record<string, string>;
    const status: NodeStatus = { ...sampleStatus("n1"), facts: { ...sampleStatus("n1").facts, labels } };
    const decoded = codecs.watchUpdate.decode(codecs.watchUpdate.encode(ENVELOPE, told(status)));
    expect(decoded.ok && Object.entries(decoded.value.body.status.facts.labels)).toEqual(Object.entries(labels));
  });
});

describe("malformed messages become a reason", () => {
  const everyCodec = Object.entries(codecs).filter((entry) => typeof entry[1] === "object") as [
    string,
    Codec<unknown>,
  ][];

  it("whatever the bytes are", () => {
    expect(everyCodec.length).toBe(16);
    fc.assert(
      fc.property(fc.constantFrom(...everyCodec), fc.uint8Array({ maxLength: 300 }), ([, codec], bytes) => {
        const decoded = codec.decode(bytes);
        if (!decoded.ok) expect(decoded.reason).toMatch(/^malformed /);
      }),
      { numRuns: 2000 },
    );
  });

  it("whichever byte of a good message is changed, or wherever it is cut", () => {
    const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }), keep: fc.nat() });
    fc.assert(
      fc.property(any.nodeStatus, change, (status, { at, to, keep }) => {
        const bytes = codecs.watchUpdate.encode(ENVELOPE, told(status));
        bytes[at % bytes.length] = to;
        codecs.watchUpdate.decode(bytes);
        codecs.watchUpdate.decode(bytes.subarray(0, keep % bytes.length));
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["a term of 2^31", { term: 1n << 31n, attempt: ATTEMPT, seen: null }, /term 2147483648 is outside/],
    ["a term nobody leads under", { term: 1n, attempt: ATTEMPT, seen: null }, /term 1 is outside/],
    [
      "a node id in capitals",
      { term: 2n, attempt: { node: "N1", nonce: "x" }, seen: null },
      /attempt\.node is no node id: "N1"/,
    ],
    ["an empty nonce", { term: 2n, attempt: { node: "n1", nonce: "" }, seen: null }, /attempt\.nonce/],
    ["an oversize nonce", { term: 2n, attempt: { node: "n1", nonce: "x".repeat(65) }, seen: null }, /attempt\.nonce/],
  ])("%s", (_, body, reason) => {
    expect(refusalOf(codecs.recruitRequest, body)).toMatch(reason);
  });

  it("a negative term, as another program would write it", () => {
    const bytes = Buffer.from([0x10, ...Array<number>(9).fill(0xff), 0x01]);
    const whole = Buffer.concat([codecs.watchRequest.encode(ENVELOPE, null), bytes]);
    expect(codecs.recruitRequest.decode(whole)).toMatchObject({ ok: false, reason: expect.stringContaining("term") });
  });

  it("missing parts, each by its name", () => {
    expect(codecs.recruitRequest.decode(Buffer.alloc(0))).toEqual({
      ok: false,
      reason: "malformed Recruit: envelope is missing",
    });
    const enveloped = codecs.watchRequest.encode(ENVELOPE, null);
    expect(codecs.recruitResult.decode(enveloped)).toMatchObject({
      reason: expect.stringContaining("result is missing"),
    });
    expect(codecs.watchUpdate.decode(enveloped)).toMatchObject({
      reason: expect.stringContaining("status is missing"),
    });
  });

  it.each([
    [
      "too many members",
      Array.from({ length: EDGE_LIMITS.members + 1 }, (_, i) => ({ ...MEMBER, id: `n${i}` })),
      /entries/,
    ],
    ["nobody in the cohort", [], /cohort is empty/],
    ["a member twice", [MEMBER, MEMBER], /n1 comes after n1/],
    ["members out of order", [{ ...MEMBER, id: "n2" }, MEMBER], /n1 comes after n2/],
  ])("a ruleset with %s", (_, cohort, reason) => {
    const ruleset: Ruleset = { ...RULESET, cohort };
    const request = { term: 2n, attempt: ATTEMPT, position: { timeline: 0n, lsn: 0n }, obliged: [], recruited: [] };
    const rest = { founding: true, cause: "", voids: null, leases: [] };
    expect(refusalOf(codecs.promoteRequest, { ...request, ruleset, ...rest })).toMatch(reason);
  });

  it("a proposal without its ruleset", () => {
    const record = { number: { term: 2n, subterm: 0 }, state: "proposed" as const, ruleset: null, writtenBy: "n1" };
    const status = { ...sampleStatus("n1"), rulesets: [record] };
    expect(refusalOf(codecs.watchUpdate, told(status))).toMatch(/rulesets\[0\]\.ruleset of a proposal is missing/);
  });

  it("a place that is none, or too many of them", () => {
    const status = sampleStatus("n1");
    const said = (...others: codecs.Told["others"]) => refusalOf(codecs.watchUpdate, { status, others });
    expect(said({ id: "n4", host: "10.0.0.4", port: 0 })).toMatch(/port is no port: 0/);
    expect(said({ id: "n4", host: "-o evil", port: 1 })).toMatch(/no name or address of a host/);
    expect(said({ id: "N 4", host: "10.0.0.4", port: 1 })).toMatch(/others\[0\]\.node/);
    const many = Array.from({ length: EDGE_LIMITS.members + 1 }, () => ({ id: "n4", host: "10.0.0.4", port: 1 }));
    expect(said(...many)).toMatch(/entries/);
  });

  it("a history that cannot be", () => {
    const request: FollowRequest = {
      term: 4n,
      attempt: ATTEMPT,
      leader: "n1",
      leaderIncarnation: "i1",
      memberIncarnation: "i1",
      ready: { systemIdentifier: "7", history: { timeline: 4n, ancestors: [{ timeline: 5n, end: 1n }] } },
    };
    expect(refusalOf(codecs.followRequest, { request, credentials: null })).toMatch(
      /history is impossible: ancestor 5/,
    );
  });

  it("an unknown enum value", () => {
    const update = wire.WatchUpdate.decode(codecs.watchUpdate.encode(ENVELOPE, told(sampleStatus("n1"))));
    if (update.status === undefined) throw new Error("no status");
    const status = { ...update.status, role: Role.UNRECOGNIZED };
    const bytes = wire.WatchUpdate.encode({ ...update, status }).finish();
    expect(codecs.watchUpdate.decode(bytes)).toMatchObject({
      reason: expect.stringMatching(/role has an unknown value/),
    });
  });

  it("a password is never quoted", () => {
    const credentials = { superuserPassword: "hunter2".repeat(200), replicationPassword: "x" };
    const request: FollowRequest = {
      term: 4n,
      attempt: ATTEMPT,
      leader: "n1",
      leaderIncarnation: "i1",
      memberIncarnation: "i1",
      ready: null,
    };
    const reason = refusalOf(codecs.followRequest, { request, credentials });
    expect(reason).toMatch(/superuser_password has 1400 characters/);
    expect(reason).not.toContain("hunter2");
  });

  it("a long sentence is cut by the sender instead, between whole characters", () => {
    const whyNot = `${"x".repeat(EDGE_LIMITS.textChars - 1)}😀`;
    const status = { ...sampleStatus("n1"), whyNot };
    const decoded = codecs.watchUpdate.decode(codecs.watchUpdate.encode(ENVELOPE, told(status)));
    expect(decoded.ok && decoded.value.body.status.whyNot).toBe("x".repeat(EDGE_LIMITS.textChars - 1));
  });
});
