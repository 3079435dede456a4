import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { fetchStatus } from "../../src/transport/admin_client.js";
import { connectionFault } from "../../src/transport/connection_faults.js";

const wrapped = (word: string) => `No connection established. Last error: ${word}. Resolution note: `;

describe("why there is no connection", () => {
  test.each([
    [
      wrapped("Error: connect ECONNREFUSED 10.0.0.2:7432"),
      "no connection: nothing listens on 10.0.0.2:7432 (its sidecar does not run, or has another port)",
    ],
    [
      wrapped("Error: connect EHOSTUNREACH 10.0.0.2:7432"),
      "no connection: there is no way to 10.0.0.2:7432 (check the host and the network)",
    ],
    [
      wrapped("Error: connect ECONNREFUSED ::1:7432"),
      "no connection: nothing listens on ::1:7432 (its sidecar does not run, or has another port)",
    ],
    [
      wrapped("Failed to connect (2026-11-22T11:05:08.775Z)"),
      "no connection: it was ended at once (check that a sidecar listens on this port, and whether it wants `tls`)",
    ],
    [
      "Name resolution failed for target dns:db2.example:7432",
      "no connection: the name db2.example is not known here (check the host, or DNS)",
    ],
    [wrapped("Error: something new"), "no connection: something new"],
    ["this sidecar is stopping", "no connection: this sidecar is stopping"],
  ])("%s", (details, sentence) => {
    expect(connectionFault(details)).toBe(sentence);
  });

  test("a port on which nobody listens, as the library really says it", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await new Promise((resolve) => server.close(resolve));
    expect(
      await fetchStatus({ node: "n1", host: "127.0.0.1", port, cluster: "shop", deadlineMs: 3000, tls: null }),
    ).toEqual({
      ok: false,
      refused: false,
      reason: `no connection: nothing listens on 127.0.0.1:${port} (its sidecar does not run, or has another port)`,
    });
  });
});
