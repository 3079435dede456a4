import { describe, expect, test } from "vitest";
import { answer, type RouteOptions } from "../../src/http/routes.js";
import type { Look, View } from "../../src/http/view.js";
import { follower, leader, row } from "./fake_view.js";

const BEGUN = [{ term: 3, leader: "n1", cause: "n2 says that it leads no more", at: "2026-01-02T03:04:05.678Z" }];
const STUCK: Look = { kind: "stuck", reason: "the disk hangs" };

function options(view: View | Look): RouteOptions {
  const look: Look = "kind" in view ? view : { kind: "seen", view };
  return {
    ...{ self: look.kind === "seen" ? look.view.own.id : "n1", cluster: "shop", version: "0.1.0" },
    source: { look: () => Promise.resolve(look) },
    apiUrlOf: (id) => (id === "n3" ? null : `http://${id}:8008/patroni`),
    termsBegun: () => Promise.resolve(BEGUN),
    metrics: (seen, compat) => Promise.resolve({ type: "text/plain", body: `${seen.kind} ${compat}` }),
  };
}

async function get(url: string, view: View | Look, method = "GET") {
  const { status, type, body } = await answer({ method, url }, options(view));
  return { status, type, json: type === "application/json" ? JSON.parse(body) : body };
}

describe("what is answered", () => {
  test("a health check with GET says more than its code", async () => {
    const { status, json } = await get("/primary", leader());
    expect(status).toBe(200);
    expect(json).toEqual({
      ...{ state: "running", role: "primary", server_version: 150018, timeline: 3, cluster_unlocked: false },
      xlog: { location: 0x3000400 },
      replication: ["n2", "n3"].map((id) => ({
        ...{ application_name: id, client_addr: `10.0.0.${id.slice(1)}`, state: "streaming", sync_state: "quorum" },
      })),
      tags: { zone: "a" },
      database_system_identifier: "7000000000000000001",
      patroni: { version: "0.1.0", scope: "shop", name: "n1" },
      quorate: {
        ...{ role: "leader", term: 3, promise: 3, established: true, serves_writes: true, serves_reads: false },
        ...{ voter: true, why_not: null, quorum_lsn: "0/3000300", blocked: null },
      },
    });
  });

  test("/patroni of a follower is 200 whatever it is", async () => {
    const { status, json } = await get("/patroni", follower({ doorOpen: false }));
    expect(status).toBe(200);
    expect(json).toMatchObject({
      ...{ role: "replica", replication_state: "streaming", replication: [] },
      xlog: { received_location: 0x3000300, replayed_location: 0x3000200, paused: false },
      quorate: { serves_writes: false, serves_reads: false },
    });
  });

  test("a Postgres that does not answer is not called running", async () => {
    expect((await get("/patroni", leader({ alive: false }))).json).toMatchObject({
      state: "unknown",
      role: "uninitialized",
    });
  });

  test("/cluster", async () => {
    const gone = row("n3", { role: "none", reachable: false, postgres: null, streaming: false, flush_lsn: null });
    const nodes = [row("n1"), row("n2", { labels: { zone: "b" } }), { ...gone, replay_lsn: null, timeline: null }];
    const { status, json } = await get("/cluster", leader({}, { nodes }));
    expect(status).toBe(200);
    expect(json).toEqual({
      scope: "shop",
      members: [
        {
          ...{ name: "n1", role: "leader", state: "running", api_url: "http://n1:8008/patroni" },
          ...{ host: "10.0.0.1", port: 5432, timeline: 3 },
        },
        {
          ...{ name: "n2", role: "quorum_standby", state: "streaming", api_url: "http://n2:8008/patroni" },
          ...{ host: "10.0.0.2", port: 5432, timeline: 3, tags: { zone: "b" } },
          ...{ receive_lsn: "0/3000300", receive_lag: 256, replay_lsn: "0/3000200", replay_lag: 512 },
          ...{ lsn: "0/3000200", lag: 512 },
        },
        {
          ...{ name: "n3", role: "replica", state: "unknown", host: "10.0.0.3", port: 5432 },
          ...{ receive_lsn: "unknown", receive_lag: "unknown", replay_lsn: "unknown", replay_lag: "unknown" },
          ...{ lsn: "unknown", lag: "unknown" },
        },
      ],
    });
  });

  test("/history: where each timeline ended, and what is known of the next one", async () => {
    expect((await get("/history", leader())).json).toEqual([
      [1, 0x2000000, "term 2 began"],
      [2, 0x3000000, "n2 says that it leads no more", "2026-01-02T03:04:05.678Z", "n1"],
    ]);
    expect((await get("/history", leader({ history: null }))).json).toEqual([]);
  });

  test("a loop that does not turn vouches for nothing", async () => {
    for (const path of ["/", "/primary", "/replica", "/health", "/liveness", "/readiness", "/cluster", "/history"])
      expect([path, (await get(path, STUCK)).status]).toEqual([path, 503]);
    const { status, json } = await get("/patroni", STUCK);
    expect(status).toBe(200);
    expect(json).toEqual({
      ...{ state: "unknown", error: "the disk hangs" },
      patroni: { version: "0.1.0", scope: "shop", name: "n1" },
    });
  });

  test("/metrics, in our names and in another system's", async () => {
    expect((await get("/metrics", leader())).json).toBe("seen null");
    expect((await get("/metrics?compat=patroni", leader())).json).toBe("seen patroni");
    expect(await get("/metrics", STUCK)).toMatchObject({ status: 200, json: "stuck null" });
  });

  test("HEAD and OPTIONS have the code of GET; nothing can be changed from here", async () => {
    for (const method of ["HEAD", "OPTIONS"]) {
      expect((await get("/primary", leader(), method)).status).toBe(200);
      expect((await get("/primary", follower(), method)).status).toBe(503);
      expect((await get("/nonsense", leader(), method)).status).toBe(503);
    }
    for (const method of ["POST", "PUT", "PATCH", "DELETE"])
      expect((await get("/switchover", leader(), method)).status).toBe(405);
  });

  test("a target that is no path is answered all the same", async () => {
    for (const url of ["*", "//", "http://[", "/%zz", "/a?%", ""]) expect((await get(url, leader())).status).toBe(503);
  });
});
