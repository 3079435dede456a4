import { describe, expect, test } from "vitest";
import { expirySoon } from "../../src/tls/expiry.js";
import { identityOf, notNode, urisOf } from "../../src/tls/identity.js";

const DAY_MS = 86_400_000;

describe("who a certificate names", () => {
  test.each([
    ["URI:quorate://shop/node/n1", { kind: "node", node: "n1" }],
    ["DNS:db1, URI:quorate://shop/node/n-2, IP Address:10.0.0.1", { kind: "node", node: "n-2" }],
    ["URI:quorate://shop/admin", { kind: "admin" }],
    ["URI:quorate://bank/node/n1, URI:quorate://shop/node/n1", { kind: "node", node: "n1" }],
    // Two at once is nobody: a node is one.
    ["URI:quorate://shop/node/n1, URI:quorate://shop/node/n2", null],
    ["URI:quorate://shop/node/n1, URI:quorate://shop/admin", null],
    ["URI:quorate://bank/node/n1", null],
    ["URI:quorate://shop/node/N1", null],
    ["URI:quorate://shop/node/n1/more", null],
    ["URI:https://shop/node/n1", null],
    ["DNS:n1", null],
    ["", null],
    [undefined, null],
  ])("%s", (names, identity) => {
    expect(identityOf(names, "shop")).toEqual(identity);
  });

  test("a name that hides another in its text is one name, and a text that cannot be read names nobody", () => {
    // Node writes a value with a comma or a quote in it as a JSON string.
    expect(urisOf('DNS:"a, URI:quorate://shop/node/n1, b"')).toEqual([]);
    expect(urisOf('DNS:"a\\", URI:quorate://shop/node/n1, \\"b", URI:quorate://shop/node/n2')).toEqual([
      "quorate://shop/node/n2",
    ]);
    expect(urisOf('DNS:"a, URI:quorate://shop/node/n1')).toEqual([]);
    expect(urisOf("no list at all, URI:quorate://shop/node/n1")).toEqual([]);
  });

  test("the reason names what is wrong and what is needed", () => {
    expect(notNode("URI:quorate://shop/node/n1", "shop", "n1")).toBeUndefined();
    expect(notNode("URI:quorate://shop/node/n2", "shop", "n1")).toBe("is that of n2, not of n1");
    expect(notNode("URI:quorate://shop/admin", "shop", "n1")).toBe("is an administrator's, not that of n1");
    expect(notNode("DNS:db1", "shop", "n1")).toMatch(
      /^names DNS:db1, nobody of cluster shop \(it needs one URI like quorate:\/\/shop\/node\/NODE/,
    );
    expect(notNode(undefined, "shop", "n1")).toMatch(/^names nobody, nobody of cluster shop/);
  });
});

test.each([
  [31, null],
  [30, null],
  [29.5, "expires in 29 days (2027-01-30)"],
  [1.5, "expires in 1 day (2027-01-02)"],
  [0.5, "expires within a day (2027-01-01)"],
  [-1, "expired on 2026-12-31"],
])("%d days before the end", (days, said) => {
  const nowMs = Date.UTC(2027, 0, 1);
  expect(expirySoon(nowMs + days * DAY_MS, nowMs)).toBe(said);
});
