import { fetchStatus } from "../../src/transport/admin_client.js";
import { address, freePort, HOST, party, sampleStatus, until } from "./cluster_of_transports.js";

/**
 * Run by close.test.ts as a process of its own: opens two transports that know each other and a third node
 * that is not there, closes them, and has to end by itself.
 */
const [a, b, nobody] = [await freePort(), await freePort(), await freePort()];
const n1 = party({ id: "n1", port: a, peers: [address("n2", b), address("n3", nobody)] });
const n2 = party({ id: "n2", port: b, peers: [address("n1", a), address("n3", nobody)] });
for (const { id, transport } of [n1, n2]) {
  transport.publish(sampleStatus(id));
  await transport.start();
}
await until("both are connected", () => n1.of("peerStatus").length > 0 && n2.of("peerStatus").length > 0);
n1.transport.recruit("n2", { term: 2n, attempt: { node: "n1", nonce: "x" }, seen: null });
await until("a call is open", () => n2.of("recruit").length > 0);
const asked = await fetchStatus({ node: "n1", host: HOST, port: a, cluster: "shop", deadlineMs: 1_000, tls: null });
const startedMs = performance.now();
await Promise.all([n1.transport.close(), n2.transport.close()]);
process.stdout.write(JSON.stringify({ asked: asked.ok, closedMs: performance.now() - startedMs }));
