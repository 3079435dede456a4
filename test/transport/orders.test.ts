import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import type { HandoverRequest, HandoverResult } from "../../src/core/orders.js";
import type { Codec } from "../../src/transport/messages.js";
import { orderHandover, orderPause, orderRestart } from "../../src/transport/order_client.js";
import * as codecs from "../../src/transport/orders_codec.js";
import * as any from "./arbitraries.js";
import { callOf, closeAll, freePort, HOST, party, until } from "./cluster_of_transports.js";

afterEach(closeAll);

const REQUEST: HandoverRequest = { to: "n2", deadlineMs: 1000, cause: "a test" };

function roundTrips<T>(name: string, codec: Codec<T>, body: fc.Arbitrary<T>): void {
  it(`${name}: what is decoded is what was encoded`, () => {
    fc.assert(
      fc.property(any.envelope, body, (envelope, value) => {
        expect(codec.decode(codec.encode(envelope, value))).toEqual({ ok: true, value: { envelope, body: value } });
      }),
    );
  });
}

describe("orders", () => {
  roundTrips("order", codecs.handoverRequest, any.handover);
  roundTrips("answer to an order", codecs.handoverResponse, any.handedOver);
  roundTrips("order to restart", codecs.restartRequest, any.restart);
  roundTrips("answer to an order to restart", codecs.restartResponse, any.restarted);
  roundTrips("order to pause", codecs.setPauseRequest, fc.boolean());
  roundTrips("answer to an order to pause", codecs.setPauseResponse, fc.record({ pause: any.pause }));

  it("malformed bytes become a reason", () => {
    const all = Object.values(codecs) as Codec<unknown>[];
    fc.assert(
      fc.property(fc.constantFrom(...all), fc.uint8Array({ maxLength: 300 }), (codec, bytes) => {
        const decoded = codec.decode(bytes);
        if (!decoded.ok) expect(decoded.reason).toMatch(/^malformed /);
      }),
      { numRuns: 1000 },
    );
  });

  it("an order reaches the node it is for, and its answer whoever gave it", async () => {
    const port = await freePort();
    const n1 = party({ id: "n1", port, peers: [] });
    await n1.transport.start();
    const to = { id: "n1", host: HOST, port, cluster: "shop", deadlineMs: 5000, tls: null };
    const reply = orderHandover(to, "failover", REQUEST);
    await until("the order", () => n1.of("handover").length === 1);
    const [seen] = n1.of("handover");
    const [kind, call, request] = seen?.args ?? [];
    expect([kind, request]).toEqual(["failover", REQUEST]);
    const result: HandoverResult = { kind: "done", leader: "n2", term: 7n };
    n1.transport.answerHandover(String(call), result);
    expect(await reply).toEqual({ ok: true, result });
  });

  it("an order to pause likewise", async () => {
    const port = await freePort();
    const n1 = party({ id: "n1", port, peers: [] });
    await n1.transport.start();
    const reply = orderPause({ id: "n1", host: HOST, port, cluster: "shop", deadlineMs: 5000, tls: null }, true);
    await until("the order", () => n1.of("setPause").length === 1);
    const [seen] = n1.of("setPause");
    expect(seen?.args[1]).toBe(true);
    const pause = { paused: true, number: 3, by: "n1" };
    n1.transport.answerPause(callOf(seen), { pause });
    expect(await reply).toEqual({ ok: true, result: pause });
  });

  it("an order to restart as well; who waits no longer takes nothing back", async () => {
    const port = await freePort();
    const n1 = party({ id: "n1", port, peers: [] });
    await n1.transport.start();
    const to = { id: "n1", host: HOST, port, cluster: "shop", deadlineMs: 5000, tls: null };
    const request = { force: true, pendingOnly: false, deadlineMs: 1000, cause: "a test" };
    const reply = orderRestart(to, request, new AbortController().signal);
    await until("the order", () => n1.of("restart").length === 1);
    const [seen] = n1.of("restart");
    expect(seen?.args[1]).toEqual(request);
    n1.transport.answerRestart(callOf(seen), { kind: "not_needed" });
    expect(await reply).toEqual({ ok: true, result: { kind: "not_needed" } });
    const over = new AbortController();
    const given = orderRestart(to, request, over.signal);
    await until("the other order", () => n1.of("restart").length === 2);
    over.abort();
    expect(await given).toMatchObject({ ok: false });
    expect(n1.of("restart").length).toBe(2);
  });

  it("an order for another node, or another cluster, is refused with the reason", async () => {
    const port = await freePort();
    const n1 = party({ id: "n1", port, peers: [] });
    await n1.transport.start();
    const to = { id: "n2", host: HOST, port, cluster: "shop", deadlineMs: 5000, tls: null };
    expect(await orderHandover(to, "switchover", REQUEST)).toMatchObject({
      ok: false,
      reason: expect.stringContaining("this is node n1, the message is for n2"),
    });
    expect(await orderHandover({ ...to, id: "n1", cluster: "other" }, "switchover", REQUEST)).toMatchObject({
      ok: false,
      reason: expect.stringContaining("cluster"),
    });
    expect(n1.of("handover")).toEqual([]);
  });
});
