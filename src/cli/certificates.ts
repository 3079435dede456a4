import type { ClusterConfig } from "../config/cluster_config.js";
import { isOnThisHost } from "../config/hosts.js";
import type { TlsMaterial, TlsPaths } from "../tls/material.js";
import { readMaterial } from "../tls/material.js";
import { type CliContext, CommandFailed } from "./context.js";
import { EXIT } from "./exit_codes.js";

/**
 * What a command shows to the sidecars: the certificate of a node of this host, or an administrator's where the
 * configuration names that. Null if the cluster talks in the clear.
 * @throws CommandFailed when none can be used.
 */
export async function requireMaterial(
  context: CliContext,
  config: ClusterConfig,
  node: string | undefined,
): Promise<TlsMaterial | null> {
  const candidates = candidatesOf(config, node, context.hosts);
  let refusal: string | null = null;
  for (const paths of candidates) {
    const read = await readMaterial(paths, { cluster: config.cluster, node: null, nowMs: Date.now() });
    if (read.kind === "read") return read.material;
    refusal ??= read.problems.map(({ file, message }) => `tls.${file}: ${message}`).join("\n");
  }
  if (refusal === null) return null;
  throw new CommandFailed(
    EXIT.configuration,
    `${refusal}\nA command needs a certificate as well: run it as the sidecar's user on a node, or with the folder \`admin\` that \`quorate tls init\` makes.`,
  );
}

/** The node that is meant, then those of this host, then the others; each set of files once. */
function candidatesOf(config: ClusterConfig, node: string | undefined, hosts: readonly string[]): readonly TlsPaths[] {
  const rank = (id: string, host: string) => (id === node ? 0 : isOnThisHost(host, hosts) ? 1 : 2);
  const sorted = [...config.nodes].sort((a, b) => rank(a.id, a.host) - rank(b.id, b.host));
  const seen = new Set<string>();
  return sorted.flatMap(({ tls }) => {
    if (tls === null || seen.has(tls.key)) return [];
    seen.add(tls.key);
    return [tls];
  });
}
