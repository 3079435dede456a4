import { expirySoon } from "../tls/expiry.js";
import { readMaterial } from "../tls/material.js";
import type { CheckInput } from "./cross_checks.js";
import { isOnThisHost } from "./hosts.js";
import type { Problem } from "./problems.js";
import { written } from "./source.js";

const KEYS = ["ca", "cert", "key"] as const;

/** Whether any key of `tls` was written, wherever: then all nodes talk TLS, or the file is refused. */
export function namesTls({ source, nodes }: Pick<CheckInput, "source" | "nodes">): boolean {
  return source.has(["tls"]) || nodes.some(({ id }) => source.has(["nodes", id, "tls"]));
}

/** All nodes or none: one that talks TLS and one that does not are two clusters. */
export function checkTls({ source, file, nodes }: CheckInput): readonly Problem[] {
  if (!namesTls({ source, nodes })) return [];
  const problems: Problem[] = [];
  if (file.insecure === true) {
    problems.push(source.problem(["insecure"], "contradicts `tls`, which would not be used; remove one of the two"));
  }
  for (const { id } of nodes) {
    const missing = KEYS.filter((key) => !source.has(["tls", key]) && !source.has(["nodes", id, "tls", key]));
    if (missing.length === 0) continue;
    const message = `${id} has no ${missing.map((key) => `tls.${key}`).join(", ")}; name the file inside ${id}, or at the top for all nodes`;
    problems.push(source.problem(written(source, id, ["tls"]), message));
  }
  return problems;
}

export interface CertificatesFound {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/**
 * The certificates that lie on this host, read and judged as the other end will judge them: those of `node`, else of
 * every node with a name or address in `ownHosts`.
 */
export async function checkCertificates(
  { source, file, nodes }: CheckInput,
  node: string | undefined,
  ownHosts: readonly string[],
): Promise<CertificatesFound> {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const nowMs = Date.now();
  const here = nodes.filter(({ id, host }) => (node === undefined ? isOnThisHost(host, ownHosts) : id === node));
  for (const { id, tls } of ownHosts.length === 0 && node === undefined ? [] : here) {
    if (tls === null) continue;
    const at = (key: (typeof KEYS)[number]) => written(source, id, ["tls", key]);
    const read = await readMaterial(tls, { cluster: file.cluster ?? "", node: id, nowMs });
    if (read.kind === "refused") {
      for (const { file: key, message } of read.problems) problems.push(source.problem(at(key), message));
      continue;
    }
    const soon = expirySoon(read.material.notAfterMs, nowMs);
    if (soon !== null) warnings.push(source.problem(at("cert"), `the certificate of ${id} ${soon}; renew it`));
  }
  return { problems, warnings };
}
