import { createServer } from "node:net";
import { Metadata, status } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import type { CatchUpRequest, FollowRequest, PromoteRequest, RecruitRequest } from "../../src/core/messages.js";
import { fetchHistory, fetchStatus } from "../../src/transport/admin_client.js";
import { openChannel } from "../../src/transport/channel.js";
import { EDGE_LIMITS } from "../../src/transport/edge_limits.js";
import { PROTOCOL } from "../../src/transport/envelope.js";
import { recruitRequest } from "../../src/transport/messages.js";
import { RAW_CONSENSUS } from "../../src/transport/raw_service.js";
import type { Party, PartyOptions } from "./cluster_of_transports.js";
import {
  address,
  callOf,
  closeAll,
  freePort,
  HOST,
  party,
  sampleStatus,
  senderOf,
  TIMINGS,
  until,
} from "./cluster_of_transports.js";

const ATTEMPT = { node: "n1", nonce: "x1" };
const RECRUIT: RecruitRequest = {
  term: 7n,
  attempt: ATTEMPT,
  seen: { node: "n2", incarnation: "inc-n2", term: 6n, boot: "b1", end: { boot: "b2", lsn: 1n } },
};
const ANSWER = {
  position: { timeline: 6n, lsn: 0xffff_ffff_0000_0001n },
  rulesets: [],
  voter: true,
  incarnation: "inc-n2",
  systemIdentifier: "7399",
  initial: "majority; n1{}",
  leases: [{ leader: null, term: 0n, ms: 12.5 }],
  promises: [{ term: 7n, boot: "b2" }],
  seen: [{ node: "n3", incarnation: "inc-n3", term: 5n, boot: "b1", end: null }],
};
const FOLLOW: FollowRequest = {
  term: 7n,
  attempt: ATTEMPT,
  leader: "n1",
  leaderIncarnation: "inc-n1",
  memberIncarnation: "inc-n1",
  ready: { systemIdentifier: "7399", history: { timeline: 7n, ancestors: [{ timeline: 2n, end: 96n }] } },
};
const CATCH_UP: CatchUpRequest = { term: 7n, attempt: ATTEMPT, source: "n3", position: { timeline: 6n, lsn: 1n } };
const PROMOTE: PromoteRequest = {
  term: 7n,
  attempt: ATTEMPT,
  position: { timeline: 6n, lsn: 1n },
  obliged: [],
  ruleset: {
    policy: { kind: "majority" },
    cohort: [{ id: "n1", incarnation: "i", labels: { zone: "a" }, eligible: true }],
  },
  voids: null,
  founding: false,
  recruited: ["n1", "n2"],
  cause: "the leader is gone",
  leases: [{ leader: "n3", term: 6n, ms: 1200 }],
};

async function pair(second: Partial<PartyOptions> = {}, first: Partial<PartyOptions> = {}): Promise<[Party, Party]> {
  const [a, b] = [await freePort(), await freePort()];
  const n1 = party({ id: "n1", port: a, peers: [address("n2", b)], ...first });
  const n2 = party({ id: "n2", port: b, peers: [address("n1", a)], ...second });
  n1.transport.publish(sampleStatus("n1"));
  n2.transport.publish(sampleStatus("n2"));
  await n1.transport.start();
  await n2.transport.start();
  // A call is not kept for a peer that does not listen yet, so these tests begin when both do.
  const settled = (p: Party) => p.of("peerStatus").length > 0 || p.of("peerLost").some(({ args }) => args[2] === true);
  await until("both are connected, or refused", () => settled(n1) && settled(n2));
  return [n1, n2];
}

afterEach(closeAll);

describe("calls between two nodes", () => {
  it("each request arrives with its sender, each answer with its request", async () => {
    const [n1, n2] = await pair();
    const passwords = { superuserPassword: "s", replicationPassword: "r" };
    n1.transport.recruit("n2", RECRUIT);
    n1.transport.promote("n2", PROMOTE);
    n1.transport.follow("n2", FOLLOW, passwords);
    n1.transport.catchUp("n2", CATCH_UP);
    await until("all arrived", () =>
      ["recruit", "promote", "follow", "catchUp"].every((k) => n2.of(k as "recruit").length === 1),
    );
    expect(n2.of("catchUp")[0]?.args.slice(1)).toEqual([senderOf("n1"), CATCH_UP]);
    n2.transport.answerCatchUp(callOf(n2.of("catchUp")[0]), { ok: true });
    await until("caught up", () => n1.of("catchUpResult").length === 1);
    expect(n1.of("catchUpResult")[0]?.args).toEqual(["n2", CATCH_UP, { ok: true }]);
    expect(n2.of("recruit")[0]?.args.slice(1)).toEqual([senderOf("n1"), RECRUIT]);
    expect(n2.of("promote")[0]?.args.slice(1)).toEqual([senderOf("n1"), PROMOTE]);
    expect(n2.of("follow")[0]?.args.slice(1)).toEqual([senderOf("n1"), FOLLOW, passwords]);

    const refusal = { code: "stale_term" as const, reason: "promised 9", promise: 9n };
    n2.transport.answerFollow(callOf(n2.of("follow")[0]), { ok: true, contained: false });
    n2.transport.answerPromote(callOf(n2.of("promote")[0]), { ok: false, refusal });
    n2.transport.answerRecruit(callOf(n2.of("recruit")[0]), { ok: true, answer: ANSWER });
    await until("all answered", () => n1.of("recruitResult").length === 1 && n1.of("promoteResult").length === 1);
    await until("followed", () => n1.of("followResult").length === 1);
    expect(n1.of("recruitResult")[0]?.args).toEqual(["n2", RECRUIT, { ok: true, answer: ANSWER }]);
    expect(n1.of("promoteResult")[0]?.args).toEqual(["n2", PROMOTE, { ok: false, refusal }]);
    expect(n1.of("followResult")[0]?.args).toEqual(["n2", FOLLOW, { ok: true, contained: false }]);
  });

  it("a call without an answer ends at its deadline, and its late answer goes nowhere", async () => {
    const [n1, n2] = await pair({}, { timings: { ...TIMINGS, rpcDeadlineMs: 150 } });
    n1.transport.promote("n2", PROMOTE);
    const ms = await until("a result", () => n1.of("promoteResult").length === 1);
    expect(ms).toBeLessThan(1_000);
    expect(n1.of("promoteResult")[0]?.args[2]).toEqual({
      ok: "unreachable",
      reason: "n2: no answer within the deadline",
    });
    n2.transport.answerPromote(callOf(n2.of("promote")[0]), { ok: true });
    n2.transport.answerPromote("call-unknown", { ok: true });
    n1.transport.follow("n2", FOLLOW, null);
    await until("the next call arrives", () => n2.of("follow").length === 1);
    expect(n1.of("promoteResult").length).toBe(1);
  });

  it("a peer that does not listen is unreachable at once, not at the deadline", async () => {
    const n1 = party({ id: "n1", port: await freePort(), peers: [address("n2", await freePort())] });
    await n1.transport.start();
    n1.transport.recruit("n2", RECRUIT);
    n1.transport.recruit("n9", RECRUIT);
    await until("results", () => n1.of("recruitResult").length === 2, TIMINGS.recruitDeadlineMs / 2);
    for (const { args } of n1.of("recruitResult")) expect(args[2]).toMatchObject({ ok: "unreachable" });
  });

  it("a node that stops ends the calls it has not answered", async () => {
    const [n1, n2] = await pair();
    n1.transport.recruit("n2", RECRUIT);
    await until("arrived", () => n2.of("recruit").length === 1);
    await n2.transport.close();
    await until("ended", () => n1.of("recruitResult").length === 1, 1_000);
    expect(n1.of("recruitResult")[0]?.args[2]).toMatchObject({
      ok: "unreachable",
      reason: expect.stringMatching(/stopping/),
    });
  });

  it("nobody sends to itself", async () => {
    const [n1] = await pair();
    expect(() => n1.transport.recruit("n1", RECRUIT)).toThrow(/sends nothing to itself/);
  });

  it("calls in hand are bounded, and those whose client went away make room", async () => {
    const [n1, n2] = await pair({}, { timings: { ...TIMINGS, rpcDeadlineMs: 400 } });
    for (let i = 0; i < EDGE_LIMITS.openCalls - 4; i += 1) n1.transport.promote("n2", PROMOTE);
    const n3 = party({ id: "n3", port: await freePort(), peers: [address("n2", n2.transport.port())] });
    await n3.transport.start();
    await until("n3 is connected", () => n3.of("peerStatus").length > 0);
    for (let i = 0; i < 8; i += 1) n3.transport.promote("n2", PROMOTE);
    await until("some refused", () => n3.of("promoteResult").length === 4);
    expect(n3.of("promoteResult")[0]?.args[2]).toMatchObject({
      reason: expect.stringMatching(/calls to answer already/),
    });
    await until("the others end", () => n1.of("promoteResult").length === EDGE_LIMITS.openCalls - 4);
    n3.transport.promote("n2", PROMOTE);
    await until("taken in again", () => n2.of("promote").length === EDGE_LIMITS.openCalls + 1);
  });
});

describe("what does not belong here is refused with a sentence", () => {
  it.each([
    ["another cluster", { cluster: "bank" }, /this is cluster bank, the message is of cluster shop/],
    ["another protocol", { protocol: { min: 2, max: 3 } }, /protocol 2 to 3 is spoken here and 1 there/],
    ["another node", { self: "n3" }, /this is node n3, the message is for n2/],
  ])("%s", async (_, change: Partial<PartyOptions>, reason) => {
    const [n1, n2] = await pair(change);
    n1.transport.recruit("n2", RECRUIT);
    await until("refused", () => n1.of("recruitResult").length === 1);
    const result = n1.of("recruitResult")[0]?.args[2];
    expect(result).toMatchObject({
      ok: false,
      refusal: { code: "foreign_cluster", reason: expect.stringMatching(reason) },
    });
    expect(n1.of("peerLost").filter(({ args }) => args[2] === true).length).toBe(1);
    expect(n2.of("recruit")).toEqual([]);
    expect(n1.of("peerStatus")).toEqual([]);
  });

  it("two nodes of one name", async () => {
    const [n1, n2] = await pair({ sender: () => senderOf("n1") });
    n2.transport.recruit("n1", RECRUIT);
    await until("refused", () => n2.of("recruitResult").length === 1);
    expect(n2.of("recruitResult")[0]?.args[2]).toMatchObject({
      refusal: { reason: expect.stringMatching(/the sender calls itself n1/) },
    });
    expect(n1.of("recruit")).toEqual([]);
  });

  it("malformed bytes: INVALID_ARGUMENT, and the node lives on", async () => {
    const [n1, n2] = await pair();
    const channel = openChannel({ host: HOST, port: n2.transport.port(), tls: null });
    const envelope = { cluster: "shop", protocol: PROTOCOL, sender: senderOf("n1"), to: "n2" };
    const send = (bytes: Buffer) =>
      new Promise<{ code?: status; details?: string } | null>((resolve) => {
        const { path, requestSerialize, responseDeserialize } = RAW_CONSENSUS.recruit;
        const deadline = { deadline: Date.now() + 1_000 };
        channel.makeUnaryRequest(path, requestSerialize, responseDeserialize, bytes, new Metadata(), deadline, (e) =>
          resolve(e),
        );
      });
    const junk = await send(Buffer.from([0xff, 0xff, 0xff]));
    expect(junk).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringMatching(/^malformed Recruit/) });
    const tooHigh = await send(recruitRequest.encode(envelope, { ...RECRUIT, term: 1n << 31n }));
    expect(tooHigh).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringMatching(/term 2147483648/) });
    const tooLong = await send(Buffer.alloc(EDGE_LIMITS.messageBytes - 100));
    expect(tooLong?.code).toBe(status.INVALID_ARGUMENT);
    channel.close();
    n1.transport.recruit("n2", RECRUIT);
    await until("a good one arrives", () => n2.of("recruit").length === 1);
  });
});

describe("listening and asking", () => {
  it("a port in use is named, with what to do", async () => {
    const taken = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => taken.listen(port, HOST, resolve));
    const n1 = party({ id: "n1", port, peers: [] });
    await expect(n1.transport.start()).rejects.toThrow(new RegExp(`port ${port} is in use.*another sidecar of n1`));
    await new Promise((resolve) => taken.close(resolve));
  });

  it("a command line gets the status of a node, or the reason why not", async () => {
    const [n1] = await pair();
    const place = { node: "n1", host: HOST, port: n1.transport.port() };
    const question = { ...place, cluster: "shop", deadlineMs: 1_000, tls: null };
    expect(await fetchStatus(question)).toEqual({ ok: true, json: '{"asked":"n1"}', certificateUntilMs: null });
    expect(await fetchStatus({ ...question, cluster: "bank" })).toMatchObject({
      ok: false,
      refused: true,
      reason: expect.stringMatching(/cluster shop/),
    });
    expect(await fetchStatus({ ...question, port: await freePort() })).toMatchObject({
      ok: false,
      refused: false,
      reason: expect.stringMatching(/no connection/),
    });
  });

  it("and who led when and why, or the sentence with which the node refuses", async () => {
    const port = await freePort();
    const told = party({ id: "n1", port, peers: [], history: async () => '{"terms":[]}' });
    await told.transport.start();
    const silent = party({ id: "n2", port: await freePort(), peers: [] });
    await silent.transport.start();
    const question = { node: "n1", host: HOST, port, cluster: "shop", deadlineMs: 1_000, tls: null };
    expect(await fetchHistory(question)).toEqual({ ok: true, json: '{"terms":[]}', certificateUntilMs: null });
    expect(await fetchHistory({ ...question, cluster: "bank" })).toMatchObject({ ok: false, refused: true });
    expect(await fetchHistory({ ...question, node: "n2", port: silent.transport.port() })).toEqual({
      ok: false,
      refused: true,
      reason: "it keeps none",
    });
  });

  it("a question that is given up ends at once, whatever does not answer", async () => {
    const asked = new AbortController();
    const port = await freePort();
    const never = party({
      id: "n1",
      port,
      peers: [],
      history: () => {
        asked.abort();
        return new Promise(() => undefined);
      },
    });
    await never.transport.start();
    const place = { node: "n1", host: HOST, port };
    const question = { ...place, cluster: "shop", deadlineMs: 15_000, tls: null, signal: asked.signal };
    expect(await fetchHistory(question)).toMatchObject({ ok: false });
    expect(await fetchStatus(question)).toMatchObject({ ok: false });
  });
});
