import { describe, expect, test } from "vitest";
import { bytesOf, isHealthy } from "../../src/http/health.js";
import type { View } from "../../src/http/view.js";
import { follower, leader, row, stillStandby } from "./fake_view.js";

function ok(url: string, view: View): boolean {
  const [path = "", search = ""] = url.split("?");
  return isHealthy(path, new URLSearchParams(search), view);
}

/** Which of the endpoints say 200. */
function endpoints(view: View): string {
  const all = ["/", "/primary", "/read-write", "/master", "/leader", "/standby-leader", "/replica", "/read-only"];
  const more = ["/health", "/liveness", "/readiness", "/quorum", "/sync", "/async", "/read-only-quorum"];
  return [...all, ...more].filter((path) => ok(path, view)).join(" ");
}

describe("health endpoints", () => {
  test("of an established leader with its door open", () => {
    expect(endpoints(leader())).toBe(
      "/ /primary /read-write /master /leader /read-only /health /liveness /readiness /read-only-quorum",
    );
  });

  test("of a follower that streams", () => {
    expect(endpoints(follower())).toBe(
      "/replica /read-only /health /liveness /readiness /quorum /sync /read-only-quorum",
    );
  });

  test("of a standby that stands still without a leader: it may be read, as far as it is", () => {
    expect(endpoints(stillStandby())).toBe("/replica /read-only /health /liveness /async");
  });

  test.each<[string, View, string]>([
    ["a leader whose door is shut", leader({ doorOpen: false }), "/leader /health /liveness"],
    ["a leader that is not established, or stops", leader({ leads: false }), "/health /liveness"],
    ["a leader whose Postgres does not answer", leader({ alive: false }), "/leader /liveness"],
    ["a follower whose door is shut", follower({ doorOpen: false }), "/health /liveness"],
    ["a follower whose Postgres does not answer", follower({ alive: false }), "/liveness"],
    // Its Postgres may still be a primary that is about to be fenced.
    ["a former leader that follows nobody yet", follower({ standby: false }), "/health /liveness"],
  ])("of %s", (_what, view, expected) => {
    expect(endpoints(view)).toBe(expected);
  });

  test("the words are looked for in the path, as Patroni does", () => {
    expect(ok("/replica/", follower())).toBe(true);
    expect(ok("/pg/primary", leader())).toBe(true);
    expect(ok("/nonsense", leader())).toBe(false);
    expect(ok("//", leader())).toBe(false);
  });

  test("?lag= bounds what is not replayed, with units; unknown is not within any bound", () => {
    expect(ok("/replica?lag=512", follower())).toBe(true);
    expect(ok("/replica?lag=511", follower())).toBe(false);
    expect(ok("/replica?lag=1kB", follower())).toBe(true);
    expect(ok("/replica?lag=much", follower())).toBe(false);
    expect(ok("/replica?lag=10GB", follower({}, { leader: null }))).toBe(false);
    expect(ok("/replica", follower({}, { leader: null }))).toBe(true);
  });

  test("/readiness has a bound of its own, on what is replayed or on what is written", () => {
    const behind = (replayed: string) =>
      follower(
        {},
        { nodes: [row("n1", { flush_lsn: "0/5000000" }), row("n2", { flush_lsn: "0/5000000", replay_lsn: replayed })] },
      );
    expect(ok("/readiness", behind("0/4F00000"))).toBe(true);
    expect(ok("/readiness", behind("0/4EFFFFF"))).toBe(false);
    expect(ok("/readiness?mode=write", behind("0/4EFFFFF"))).toBe(true);
    expect(ok("/readiness?lag=16MB", behind("0/4EFFFFF"))).toBe(true);
  });

  test("?replication_state= and ?tag_NAME=, which leaders' paths ignore", () => {
    expect(ok("/replica?replication_state=streaming", follower())).toBe(true);
    expect(ok("/replica?replication_state=streaming", stillStandby())).toBe(false);
    expect(ok("/replica?tag_zone=a", follower())).toBe(true);
    expect(ok("/replica?tag_zone=b", follower())).toBe(false);
    expect(ok("/read-only?tag_rack=1", leader())).toBe(false);
    expect(ok("/primary?tag_zone=b", leader())).toBe(true);
  });

  test("sizes as Postgres writes them", () => {
    expect(["0", "1kB", "2 MB", "1GB", "1B", "x", "", "-1", "1PB"].map(bytesOf)).toEqual([
      ...[0, 1024, 2 * 1024 * 1024, 1024 ** 3, 1, null, null, null, null],
    ]);
  });
});
