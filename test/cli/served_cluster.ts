import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { freePorts } from "../../src/demo/free_ports.js";
import { tempDir } from "../temp_dir.js";
import { closeAll, type PartyOptions, party } from "../transport/cluster_of_transports.js";

/** A configuration of three nodes on loopback, of which the test serves those it wants to answer. */
export async function servedCluster() {
  const ports = await freePorts(3);
  const nodes = ports.map(
    (port, i) => `  n${i + 1}: { host: 127.0.0.1, port: ${port}, postgres: { port: ${50 + i} } }`,
  );
  const file = join(await tempDir(), "quorate.yaml");
  await writeFile(file, `cluster: shop\nnodes:\n${nodes.join("\n")}\npolicy: majority\n`);
  onTestFinished(closeAll);
  const portOf = (id: string) => ports[Number(id.slice(1)) - 1] ?? 0;
  const serve = (id: string, answers: Pick<PartyOptions, "snapshot" | "history" | "tls">) =>
    party({ id, port: portOf(id), peers: [], ...answers }).transport.start();
  return { file, portOf, serve };
}
