import { once } from "node:events";
import { connect } from "node:net";
import { Metadata, status } from "@grpc/grpc-js";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { RecruitRequest } from "../../src/core/messages.js";
import type { Pair } from "../../src/tls/authority.js";
import type { TlsMaterial } from "../../src/tls/material.js";
import type { TlsSource } from "../../src/tls/reloaded.js";
import { fetchStatus } from "../../src/transport/admin_client.js";
import { openChannel } from "../../src/transport/channel.js";
import { PROTOCOL } from "../../src/transport/envelope.js";
import { recruitRequest } from "../../src/transport/messages.js";
import { RAW_CONSENSUS } from "../../src/transport/raw_service.js";
import { type BlackHole, blackHole } from "./black_hole.js";
import { ADMIN, authority, DAY_MS, material, node, source } from "./certificates.js";
import {
  address,
  closeAll,
  freePort,
  HOST,
  type Party,
  party,
  sampleStatus,
  senderOf,
  until,
} from "./cluster_of_transports.js";

const RECRUIT: RecruitRequest = { term: 7n, attempt: { node: "n1", nonce: "x1" }, seen: null };
const PAST_MS = Date.now() - 20 * DAY_MS;

let ca: Pair;
let otherCa: Pair;

beforeAll(async () => {
  ca = await authority();
  otherCa = await authority();
});
afterEach(closeAll);

interface Line {
  readonly fields: { readonly mark?: string; readonly reason?: string };
  readonly text: string;
}
interface Logged extends Party {
  readonly warned: Line[];
  /** Through which it dials its peer: counts the attempts. */
  readonly way: BlackHole;
}

const ways: BlackHole[] = [];
afterEach(async () => {
  await Promise.all(ways.map((way) => way.close()));
  ways.length = 0;
});

async function start(
  id: string,
  port: number,
  peer: readonly [string, number],
  tls: TlsSource | null,
): Promise<Logged> {
  const warned: Line[] = [];
  const log = { info: () => {}, warn: (fields: object, text: string) => void warned.push({ fields, text }) };
  const way = await blackHole(peer[1]);
  ways.push(way);
  const made = party({ id, port, peers: [address(peer[0], way.port)], tls, log });
  made.transport.publish(sampleStatus(id));
  await made.transport.start();
  return { ...made, warned, way };
}

/** n1 with a good certificate, and somebody at the address of n2. */
async function pair(second: TlsMaterial | null, asId = "n2"): Promise<[Logged, Logged]> {
  const [a, b] = [await freePort(), await freePort()];
  const n1 = await start("n1", a, ["n2", b], source(await material({ by: ca, identity: node("n1") })));
  const other = await start(asId, b, ["n1", a], second === null ? null : source(second));
  return [n1, other];
}

const marked = ({ warned }: Logged, mark: string) => warned.filter(({ fields }) => fields.mark === mark);
const reasons = (lines: readonly Line[]) => lines.map(({ fields }) => fields.reason);

async function ask(port: number, tls: TlsMaterial | null, expected = "n1") {
  return fetchStatus({ node: expected, host: HOST, port, cluster: "shop", deadlineMs: 3_000, tls });
}

describe("two nodes with certificates of one authority", () => {
  it("hear each other, and a command line hears them, with a node's certificate or an administrator's", async () => {
    const [n1, n2] = await pair(await material({ by: ca, identity: node("n2") }));
    await until("both hear", () => n1.of("peerStatus").length > 0 && n2.of("peerStatus").length > 0);
    n1.transport.recruit("n2", RECRUIT);
    await until("a call arrives", () => n2.of("recruit").length === 1);
    expect(n2.of("recruit")[0]?.args[1]).toEqual(senderOf("n1"));
    for (const identity of [ADMIN, node("n2"), node("n1")]) {
      const answer = await ask(n1.transport.port(), await material({ by: ca, identity }));
      expect(answer).toMatchObject({ ok: true, json: '{"asked":"n1"}' });
      expect(answer.ok && answer.certificateUntilMs).toBeGreaterThan(Date.now() + 364 * DAY_MS);
    }
    expect([...n1.warned, ...n2.warned]).toEqual([]);
  });

  it("a node that moves to another address needs no other certificate", async () => {
    const port = await freePort();
    const listen = { host: "127.0.0.2", port };
    const n1 = party({
      id: "n1",
      port,
      peers: [],
      listen,
      tls: source(await material({ by: ca, identity: node("n1") })),
    });
    await n1.transport.start();
    const question = { node: "n1", host: "127.0.0.2", port, cluster: "shop", deadlineMs: 3_000 };
    expect(await fetchStatus({ ...question, tls: await material({ by: ca, identity: ADMIN }) })).toMatchObject({
      ok: true,
    });
  });

  it("two authorities at once, while one takes the place of the other", async () => {
    const trusts = `${ca.cert}\n${otherCa.cert}`;
    const [a, b] = [await freePort(), await freePort()];
    const n1 = await start("n1", a, ["n2", b], source(await material({ by: ca, identity: node("n1"), trusts })));
    const n2 = await start("n2", b, ["n1", a], source(await material({ by: otherCa, identity: node("n2"), trusts })));
    await until("both hear", () => n1.of("peerStatus").length > 0 && n2.of("peerStatus").length > 0);
  });
});

describe("the listening end", () => {
  it("a port in use is named, with what to do", async () => {
    const [n1] = await pair(await material({ by: ca, identity: node("n2") }));
    const tls = source(await material({ by: ca, identity: node("n3") }));
    const second = party({ id: "n3", port: n1.transport.port(), peers: [], tls });
    await expect(second.transport.start()).rejects.toThrow(/port \d+ is in use, n3 cannot listen on it/);
  });

  it("after close nothing is left open, not even a handshake that never ends", async () => {
    const port = await freePort();
    const n1 = await start(
      "n1",
      port,
      ["n2", await freePort()],
      source(await material({ by: ca, identity: node("n1") })),
    );
    let ended = false;
    const silent = connect(port, HOST).on("close", () => {
      ended = true;
    });
    silent.on("error", () => {});
    await once(silent, "connect");
    await n1.transport.close();
    await until("the connection to end", () => ended, 2_000);
    const late = await ask(port, await material({ by: ca, identity: ADMIN }));
    expect(late).toMatchObject({ ok: false, reason: expect.stringMatching(/nothing listens/) });
  });
});

describe("who is not trusted is refused with the reason, which is logged once", () => {
  /** Attempts go on, and each of them must add nothing. */
  async function expectOnce(party: Logged, mark: string, reason: RegExp): Promise<void> {
    const said = () => marked(party, mark).filter(({ fields }) => reason.test(fields.reason ?? ""));
    await until(`${party.id} says ${reason}`, () => said().length > 0);
    // Of whom it dials: n3, whom nobody names, says itself where it is.
    const events = () => party.recorded.filter(({ args }) => args[0] !== "n3").length;
    const [before, attempts] = [events(), party.way.connections()];
    await until("more attempts", () => party.way.connections() >= attempts + 2, 10_000);
    expect(said().length).toBe(1);
    expect(events()).toBe(before);
    expect(party.of("peerStatus").filter(({ args }) => args[0] !== "n3")).toEqual([]);
  }

  it("another authority, on both ends", async () => {
    const [n1, n2] = await pair(await material({ by: otherCa, identity: node("n2") }));
    await expectOnce(n1, "untrusted", /its certificate is signed by another authority/);
    await expectOnce(n2, "untrusted", /its certificate is signed by another authority/);
  });

  it("another authority, of a node that itself trusts this one: it is told why", async () => {
    const [n1, n2] = await pair(await material({ by: otherCa, identity: node("n2"), trusts: ca.cert }));
    await expectOnce(n2, "untrusted", /^n1 refuses this end: its certificate is signed by another authority/);
    expect(reasons(marked(n1, "connection_refused"))).toEqual([expect.stringMatching(/signed by another authority/)]);
    expect(marked(n1, "connection_refused")[0]?.text).toMatch(/^127\.0\.0\.1 was refused/);
  });

  it("expired: on the dialling end and on the listening one", async () => {
    const expired = await material({ by: ca, identity: node("n2"), nowMs: PAST_MS, days: 10 });
    const [n1, n2] = await pair(expired);
    await expectOnce(n1, "untrusted", /^not trusted: its certificate has expired; renew it$/);
    await expectOnce(n2, "untrusted", /^n1 refuses this end: its certificate has expired; renew it$/);
    expect(reasons(marked(n1, "connection_refused"))).toEqual(["its certificate has expired; renew it"]);
  });

  it("not valid yet", async () => {
    const [n1] = await pair(await material({ by: ca, identity: node("n2"), nowMs: Date.now() + 5 * DAY_MS }));
    await expectOnce(n1, "untrusted", /is not valid yet; check the clocks of both hosts/);
  });

  it("the certificate of another node at the address of n2", async () => {
    const [n1] = await pair(await material({ by: ca, identity: node("n3") }), "n3");
    await expectOnce(n1, "untrusted", /^not trusted: its certificate is that of n3, not of n2$/);
  });

  it("another cluster's, of the same authority", async () => {
    const [n1, n2] = await pair(await material({ by: ca, identity: node("n2"), cluster: "bank" }));
    await expectOnce(n1, "untrusted", /names URI:quorate:\/\/bank\/node\/n2.*, nobody of cluster shop/);
    const refused = [expect.stringMatching(/^its certificate names .*, nobody of cluster shop/)];
    expect(reasons(marked(n1, "connection_refused"))).toEqual(refused);
    expect(n2.of("peerStatus")).toEqual([]);
    // Nor does it get any further with a message that names the right cluster.
    for (const identity of [ADMIN, node("n1")]) {
      const foreign = await material({ by: ca, identity, cluster: "bank" });
      expect(await ask(n1.transport.port(), foreign)).toEqual({
        ok: false,
        refused: true,
        reason: expect.stringMatching(/^n1 refuses this end: its certificate names .*, nobody of cluster shop/),
      });
    }
  });

  it("no TLS at all, in both directions", async () => {
    const [n1, plain] = await pair(null);
    await expectOnce(n1, "untrusted", /^not trusted: it speaks no TLS/);
    expect(reasons(marked(n1, "connection_refused"))).toEqual([expect.stringMatching(/^it speaks no TLS/)]);
    expect(plain.of("peerStatus")).toEqual([]);
    expect(await ask(n1.transport.port(), null)).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/wants `tls`/),
    });
  });

  it("an administrator's certificate is none of a node", async () => {
    const [n1] = await pair(await material({ by: ca, identity: ADMIN }));
    // It is not even meant for the listening end.
    await expectOnce(n1, "untrusted", /is not meant for this end/);
  });

  it("it is news when the reason becomes another one, and over when the certificate is right", async () => {
    const [a, b] = [await freePort(), await freePort()];
    const n1 = await start("n1", a, ["n2", b], source(await material({ by: ca, identity: node("n1") })));
    const shown = source(await material({ by: otherCa, identity: node("n2"), trusts: ca.cert }));
    await start("n2", b, ["n1", a], shown);
    await until("another authority", () =>
      reasons(marked(n1, "untrusted")).some((r) => /another authority/.test(r ?? "")),
    );
    shown.replace(await material({ by: ca, identity: node("n3") }));
    await until("another node", () => reasons(marked(n1, "untrusted")).some((r) => /not of n2/.test(r ?? "")));
    shown.replace(await material({ by: ca, identity: node("n2") }));
    await until("trusted", () => n1.of("peerStatus").length > 0);
    expect(marked(n1, "untrusted").length).toBe(2);
  });
});

describe("a node is who its certificate says", () => {
  /** One call to n1 with a certificate of `as`, in the name of `sender`. */
  async function call(n1: Party, as: TlsMaterial, sender: string) {
    const channel = openChannel({
      host: HOST,
      port: n1.transport.port(),
      tls: { cluster: "shop", expected: "n1", material: as },
    });
    const { path, requestSerialize, responseDeserialize } = RAW_CONSENSUS.recruit;
    const bytes = recruitRequest.encode(
      { cluster: "shop", protocol: PROTOCOL, sender: senderOf(sender), to: "n1" },
      RECRUIT,
    );
    const fault = await new Promise<{ code?: status; details?: string } | null>((resolve) => {
      const deadline = { deadline: Date.now() + 700 };
      channel.makeUnaryRequest(path, requestSerialize, responseDeserialize, bytes, new Metadata(), deadline, resolve);
    });
    channel.close();
    return fault;
  }

  it("with the certificate of n2 nobody speaks as n3, neither a call nor a subscription", async () => {
    const n2 = await material({ by: ca, identity: node("n2") });
    const [n1, thief] = await pair(n2, "n3");
    // The peer that says n3 shows n2's certificate at n2's address: it is believed to be n2, and refused as n3.
    await until("refused", () => thief.of("peerLost").some(({ args }) => args[2] === true));
    const reason = "the message says that it is from n3, and the certificate is that of n2, not of n3";
    expect(thief.of("peerLost").find(({ args }) => args[2] === true)?.args[1]).toBe(reason);
    expect(await call(n1, n2, "n3")).toMatchObject({ code: status.FAILED_PRECONDITION, details: reason });
    expect(n1.of("recruit")).toEqual([]);
    expect(thief.of("peerStatus")).toEqual([]);
    expect(reasons(marked(n1, "connection_refused"))).toEqual([reason]);

    // The same call in its own name arrives; nobody answers it here.
    expect(await call(n1, n2, "n2")).toMatchObject({ code: status.DEADLINE_EXCEEDED });
    expect(n1.of("recruit")[0]?.args[1]).toEqual(senderOf("n2"));
  });

  it("an administrator may ask, and may not vote", async () => {
    const [n1] = await pair(await material({ by: ca, identity: node("n2") }));
    const admin = await material({ by: ca, identity: ADMIN });
    expect(await call(n1, admin, "n2")).toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: expect.stringMatching(/the certificate is an administrator's, not that of n2/),
    });
    expect(n1.of("recruit")).toEqual([]);
    expect(await ask(n1.transport.port(), admin)).toMatchObject({ ok: true });
  });

  it("a command line asks nobody else than the node it means", async () => {
    const [n1] = await pair(await material({ by: ca, identity: node("n2") }));
    expect(await ask(n1.transport.port(), await material({ by: ca, identity: ADMIN }), "n2")).toEqual({
      ok: false,
      refused: true,
      reason: "not trusted: its certificate is that of n1, not of n2",
    });
  });
});

describe("renewal", () => {
  it("new connections get the new certificate, and those that are open stay open", async () => {
    const [a, b] = [await freePort(), await freePort()];
    const shown = source(await material({ by: ca, identity: node("n1"), days: 5 }));
    const n1 = await start("n1", a, ["n2", b], shown);
    const n2 = await start("n2", b, ["n1", a], source(await material({ by: ca, identity: node("n2") })));
    await until("both hear", () => n1.of("peerStatus").length > 0 && n2.of("peerStatus").length > 0);
    const lost = n2.of("peerLost").length;
    const admin = await material({ by: ca, identity: ADMIN });
    const before = await ask(a, admin);
    shown.replace(await material({ by: ca, identity: node("n1"), days: 200 }));
    const after = await ask(a, admin);
    if (!before.ok || !after.ok) throw new Error("no answer");
    expect(before.certificateUntilMs).toBeLessThan(Date.now() + 6 * DAY_MS);
    expect(after.certificateUntilMs).toBeGreaterThan(Date.now() + 199 * DAY_MS);
    const heard = n2.of("peerStatus").length;
    await until("heartbeats go on", () => n2.of("peerStatus").length > heard + 2);
    expect(n2.of("peerLost").length).toBe(lost);
  });
});
