import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { pageOf } from "../../src/http/page.js";
import { answer, type RouteOptions } from "../../src/http/routes.js";
import type { Look, View } from "../../src/http/view.js";
import { follower, leader, row } from "./fake_view.js";

const PAGE = { self: "n1", cluster: "shop", version: "0.1.0" };
const STUCK: Look = { kind: "stuck", reason: "the disk <b>hangs</b>" };
const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

function get(url: string, view: View | Look, accept?: string) {
  const look: Look = "kind" in view ? view : { kind: "seen", view };
  const options: RouteOptions = {
    ...PAGE,
    source: { look: () => Promise.resolve(look) },
    apiUrlOf: () => null,
    termsBegun: () => Promise.resolve([]),
    metrics: () => Promise.resolve({ type: "text/plain", body: "" }),
  };
  return answer({ method: "GET", url, ...(accept === undefined ? {} : { accept }) }, options);
}

function main(view: View): string {
  const page = pageOf({ kind: "seen", view }, PAGE);
  return page.slice(page.indexOf("<main>"), page.indexOf("</main>"));
}

describe("the page for people", () => {
  test("says who leads, what may fail, and how each node is", () => {
    const page = main(leader());
    expect(page).toContain('<span class="state healthy">healthy</span>');
    expect(page).toContain("<dt>leader</dt><dd>n1</dd>");
    expect(page).toContain("<dd>majority of n1, n2, n3</dd>");
    expect(page).toContain("<dd>n2, or n3</dd>");
    expect(page).toContain('<td class="n">follower, streams</td>');
    expect(page).toContain('<td class="n">256 B</td>');
  });

  test("paused: degraded, although nothing is missing, and what ends it", () => {
    const page = main(leader({}, { paused: true }));
    expect(page).toContain('<span class="state degraded">');
    expect(page).toContain("<p>Next: quorate resume</p>");
  });

  test("names what is missing, and the next step", () => {
    const blocked = {
      code: "no_quorum",
      reason: "n2 and n3 are gone",
      missing: ["n2"],
      next_step: "start n2",
      enough: [],
    };
    const page = main(leader({}, { blocked, nodes: [row("n1"), row("n2", { reachable: false, seen_age_ms: null })] }));
    expect(page).toContain('class="state degraded"');
    expect(page).toContain("n2 and n3 are gone");
    expect(page).toContain("Next: start n2");
    expect(page).toContain('<td class="n">never</td>');
    expect(main(leader({}, { leader: null }))).toContain('class="state no_leader"');
  });

  test("what other machines say is text, not markup", () => {
    const page = main(leader({}, { nodes: [row("n1", { why_not: "<script>alert('1')</script>&\"" })] }));
    expect(page).not.toContain("<script");
    expect(page).toContain("&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;&#38;&#34;");
  });

  test("its only script is the one that its policy allows", async () => {
    const { body, headers } = await get("/ui", leader());
    const scripts = [...body.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, script = ""]) => script);
    expect(scripts).toHaveLength(1);
    const hash = createHash("sha256")
      .update(scripts[0] ?? "")
      .digest("base64");
    expect(headers?.["content-security-policy"]).toContain(`script-src 'sha256-${hash}';`);
    expect(headers?.["content-security-policy"]).toContain("default-src 'none'");
  });

  test("is at /ui whatever the node is", async () => {
    expect(await get("/ui", follower())).toMatchObject({ status: 200, type: "text/html; charset=utf-8" });
    expect(await get("/ui/", leader({ alive: false }))).toMatchObject({ status: 200 });
    const { status, body } = await get("/ui", STUCK);
    expect(status).toBe(200);
    expect(body).toContain("this sidecar hangs");
    expect(body).toContain("the disk &#60;b&#62;hangs");
  });

  test("a browser gets it at /, with the code of the health check", async () => {
    expect(await get("/", leader(), BROWSER)).toMatchObject({ status: 200, type: "text/html; charset=utf-8" });
    expect(await get("/", follower(), BROWSER)).toMatchObject({ status: 503, type: "text/html; charset=utf-8" });
    expect(await get("/", STUCK, BROWSER)).toMatchObject({ status: 503, type: "text/html; charset=utf-8" });
    expect(await get("/", leader(), "*/*")).toMatchObject({ status: 200, type: "application/json" });
    expect(await get("/", leader())).toMatchObject({ status: 200, type: "application/json" });
    expect(await get("/primary", leader(), BROWSER)).toMatchObject({ status: 200, type: "application/json" });
  });
});
