import { afterEach, describe, expect, it } from "vitest";
import { LSN_ZERO } from "../../src/core/log/lsn.js";
import type { BlackHole } from "./black_hole.js";
import { blackHole } from "./black_hole.js";
import type { Party } from "./cluster_of_transports.js";
import { address, closeAll, freePort, party, sampleStatus, statusOf, TIMINGS, until } from "./cluster_of_transports.js";

let hole: BlackHole | undefined;

afterEach(async () => {
  await closeAll();
  await hole?.close();
  hole = undefined;
});

/** n1 watches n2 through the proxy; n2 knows n1's address only if it is told to dial. */
async function watching(): Promise<{ n1: Party; n2: Party; hole: BlackHole; port: number }> {
  const port = await freePort();
  hole = await blackHole(port);
  const n1 = party({ id: "n1", port: await freePort(), peers: [address("n2", hole.port)] });
  const n2 = party({ id: "n2", port, peers: [] });
  await n2.transport.start();
  n2.transport.publish(sampleStatus("n2"));
  await n1.transport.start();
  await until("the first status", () => n1.of("peerStatus").length > 0);
  return { n1, n2, hole, port };
}

const newest = (watcher: Party) => statusOf(watcher.of("peerStatus").at(-1));

describe("a node that says itself where it is", () => {
  it("is heard by one whose configuration does not name it", async () => {
    const n1 = party({ id: "n1", port: await freePort(), peers: [] });
    await n1.transport.start();
    const n4 = party({ id: "n4", port: await freePort(), peers: [address("n1", n1.transport.port())] });
    n4.transport.publish(sampleStatus("n4"));
    await n4.transport.start();
    await until("n4 to be heard", () => n1.of("peerStatus").length > 0);
    expect(newest(n1).node).toBe("n4");
  });

  it("is found there once it does not answer where it was", async () => {
    const n1 = party({ id: "n1", port: await freePort(), peers: [address("n2", await freePort())] });
    await n1.transport.start();
    await until("n2 to be missed", () => n1.of("peerLost").length > 0);
    const n2 = party({ id: "n2", port: await freePort(), peers: [address("n1", n1.transport.port())] });
    n2.transport.publish(sampleStatus("n2"));
    await n2.transport.start();
    await until("n2 to be heard", () => n1.of("peerStatus").length > 0, 10_000);
  });
});

describe("a node of whom another one says where it is", () => {
  const cohort = ["n1", "n4", "n5"].map((id) => ({ id, incarnation: `inc-${id}`, labels: {}, eligible: true }));
  const naming = (...ids: string[]) => ({
    rulesets: [
      {
        number: { term: 2n, subterm: 1 },
        state: "proposed" as const,
        ruleset: { policy: { kind: "majority" as const }, cohort: cohort.filter(({ id }) => ids.includes(id)) },
        writtenBy: "n1",
      },
    ],
  });
  const heard = (by: Party, id: string) => by.of("peerStatus").findLast(({ args }) => args[0] === id);
  const bootHeard = (by: Party, id: string) => (heard(by, id) === undefined ? null : statusOf(heard(by, id)).boot);

  /** n1 names nobody; the others name it alone, and show themselves. */
  async function joined(...ids: string[]): Promise<{ n1: Party; others: Party[] }> {
    const n1 = party({ id: "n1", port: await freePort(), peers: [] });
    await n1.transport.start();
    const others: Party[] = [];
    for (const id of ids) {
      const other = party({ id, port: await freePort(), peers: [address("n1", n1.transport.port())] });
      other.transport.publish(sampleStatus(id));
      await other.transport.start();
      await until(`${id} to be heard`, () => heard(n1, id) !== undefined);
      others.push(other);
    }
    return { n1, others };
  }

  it("is dialled there if a ruleset of that one's status names it, and not otherwise", async () => {
    const { n1, others } = await joined("n4", "n5");
    const [n4, n5] = others as [Party, Party];
    n1.transport.publish(sampleStatus("n1", { promise: 1n, ...naming("n1", "n4") }));
    await until("the first word", () => [n4, n5].every((other) => heard(other, "n1") !== undefined));
    // n5 learns of n4, which the ruleset names, and n4 of n5 by its hello.
    await until("both to meet", () => heard(n4, "n5") !== undefined && heard(n5, "n4") !== undefined);
    const n6 = party({ id: "n6", port: await freePort(), peers: [address("n1", n1.transport.port())] });
    n6.transport.publish(sampleStatus("n6"));
    await n6.transport.start();
    await until("n6 to be heard", () => heard(n1, "n6") !== undefined);
    n1.transport.publish(sampleStatus("n1", { promise: 2n, ...naming("n1", "n4", "n5") }));
    await until("n6 to meet those who are named", () => heard(n6, "n4") !== undefined && heard(n6, "n5") !== undefined);
  });

  it("is heard where the configuration has it, whatever others say", async () => {
    const { n1, others } = await joined("n5");
    const n5 = party({ id: "n5", port: await freePort(), peers: [] });
    n5.transport.publish(sampleStatus("n5", { boot: "configured" }));
    await n5.transport.start();
    const configured = [address("n1", n1.transport.port()), address("n5", n5.transport.port())];
    const n4 = party({ id: "n4", port: await freePort(), peers: configured });
    n4.transport.publish(sampleStatus("n4"));
    await n4.transport.start();
    n1.transport.publish(sampleStatus("n1", { promise: 1n, ...naming("n1", "n4", "n5") }));
    await until("n1 and n5 to be heard", () => heard(n4, "n1") !== undefined && heard(n4, "n5") !== undefined);
    expect(bootHeard(n4, "n5")).toBe("configured");
    // Nobody dialled the other one, or it would have heard n4 by its hello.
    expect(others.flatMap((other) => other.of("peerStatus").filter(({ args }) => args[0] === "n4"))).toEqual([]);
  });

  it("is heard where it says itself that it is, once it does", async () => {
    const { n1, others } = await joined("n5");
    await others[0]?.transport.close();
    const n4 = party({ id: "n4", port: await freePort(), peers: [address("n1", n1.transport.port())] });
    n4.transport.publish(sampleStatus("n4"));
    await n4.transport.start();
    n1.transport.publish(sampleStatus("n1", { promise: 1n, ...naming("n1", "n4", "n5") }));
    await until("n5 to be looked for where it was", () => n4.of("peerLost").some(({ args }) => args[0] === "n5"));
    const n5 = party({ id: "n5", port: await freePort(), peers: [address("n4", n4.transport.port())] });
    n5.transport.publish(sampleStatus("n5", { boot: "moved" }));
    await n5.transport.start();
    await until("n5 to be heard", () => bootHeard(n4, "n5") === "moved", 1_000);
  });
});

describe("the status stream", () => {
  it("carries every change at once and repeats the last one as a heartbeat", async () => {
    const { n1, n2 } = await watching();
    n2.transport.publish(sampleStatus("n2", { promise: 9n, whyNot: "no data" }));
    await until("the change", () => newest(n1).promise === 9n);
    expect(newest(n1)).toEqual(sampleStatus("n2", { promise: 9n, whyNot: "no data" }));
    const before = n1.of("peerStatus").length;
    await until("three heartbeats", () => n1.of("peerStatus").length >= before + 3, TIMINGS.heartbeatMs * 20);
    const repeated = n1
      .of("peerStatus")
      .slice(before)
      .map((entry) => statusOf(entry));
    // The very same object: a heartbeat is not decoded again.
    expect(new Set(repeated).size).toBe(1);
    expect(n1.of("peerLost")).toEqual([]);
  });

  it("a slow reader gets the newest status, not each one it missed", async () => {
    const { n1, n2, hole: proxy } = await watching();
    proxy.stall();
    // Long statuses, so that the buffers on the way are full after some of them.
    const initial = "x".repeat(60_000);
    const published = 400;
    for (let i = 1; i <= published; i += 1) {
      n2.transport.publish(sampleStatus("n2", { initial, flushLsn: LSN_ZERO + BigInt(i) }));
      if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const before = n1.of("peerStatus").length;
    proxy.resume();
    await until("the newest", () => newest(n1).flushLsn === BigInt(published));
    expect(n1.of("peerStatus").length - before).toBeLessThan(published / 2);
    // On a busy machine the stall may last longer than a silence may.
    expect(n1.of("peerLost").filter(({ args }) => !String(args[1]).startsWith("silent"))).toEqual([]);
  });

  it("a peer that restarts is lost once and found again quickly", async () => {
    const { n1, n2, port } = await watching();
    await n2.transport.close();
    await until("lost", () => n1.of("peerLost").length === 1, 1_000);
    const again = party({ id: "n2", port, peers: [] });
    again.transport.publish(sampleStatus("n2", { boot: "b2" }));
    await again.transport.start();
    const ms = await until("found", () => newest(n1).boot === "b2");
    // The longest pause before a stream is opened again is 250 ms; the rest is for a busy machine.
    expect(ms).toBeLessThan(1_000);
    expect(n1.of("peerLost").length).toBe(1);
  });

  it("a peer that comes back and dials us is reached without waiting for our turn", async () => {
    const [a, b] = [await freePort(), await freePort()];
    const n1 = party({ id: "n1", port: a, peers: [address("n2", b)] });
    await n1.transport.start();
    n1.transport.publish(sampleStatus("n1"));
    await until("lost", () => n1.of("peerLost").length === 1);
    const n2 = party({ id: "n2", port: b, peers: [address("n1", a)] });
    n2.transport.publish(sampleStatus("n2"));
    await n2.transport.start();
    await until("both see each other", () => n1.of("peerStatus").length > 0 && n2.of("peerStatus").length > 0, 1_000);
    expect(n1.of("peerLost").length).toBe(1);
  });

  it("a half-open connection is noticed by its silence, and replaced when the way is free again", async () => {
    const { n1, hole: proxy } = await watching();
    n1.transport.recruit("n2", { term: 7n, attempt: { node: "n1", nonce: "x" }, seen: null });
    proxy.swallow();
    const ms = await until("lost", () => n1.of("peerLost").length === 1, TIMINGS.silenceMs * 5);
    expect(n1.of("peerLost")[0]?.args).toEqual(["n2", `silent for ${TIMINGS.silenceMs} ms`, false]);
    expect(ms).toBeGreaterThan(TIMINGS.silenceMs - TIMINGS.heartbeatMs * 2);
    // The call on it does not wait for its own long deadline.
    await until("the call ends", () => n1.of("recruitResult").length === 1, TIMINGS.recruitDeadlineMs / 2);
    const before = n1.of("peerStatus").length;
    await until("it dials again", () => proxy.connections() >= 2);
    proxy.heal();
    // The proxy completes connections it swallows: such a one is kept for 2 s, as one that may still succeed.
    await until("found", () => n1.of("peerStatus").length > before);
    expect(n1.of("peerLost").length).toBe(1);
  });

  it("no event comes after close, and close is quick even with a half-open connection", async () => {
    const { n1, n2, hole: proxy } = await watching();
    proxy.swallow();
    const startedMs = performance.now();
    await Promise.all([n1.transport.close(), n2.transport.close()]);
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    const count = n1.recorded.length;
    n2.transport.publish(sampleStatus("n2", { promise: 1n }));
    await new Promise((resolve) => setImmediate(resolve));
    expect(n1.recorded.length).toBe(count);
  });
});
