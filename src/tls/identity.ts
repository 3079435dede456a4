/**
 * Who a certificate says that its holder is: a URI among its subject alternative names, which names the cluster too,
 * so that one authority may serve several. `quorate://shop/node/n1` is a node, `quorate://shop/admin` a person at a
 * command line. Host names are not looked at: a node may move to another address with the certificate it has.
 */
export type Identity = { readonly kind: "node"; readonly node: string } | { readonly kind: "admin" };

export function uriOf(cluster: string, identity: Identity): string {
  return identity.kind === "node" ? `quorate://${cluster}/node/${identity.node}` : `quorate://${cluster}/admin`;
}

/**
 * One name of the list as Node writes it: `URI:quorate://shop/node/n1, DNS:db1`. A value with a comma or a quote in it
 * is a JSON string, so that no name can pretend to be two.
 */
const NAME = /([A-Za-z][A-Za-z ]*):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;

/** The URIs of a `subjectAltName`; none at all if any part of it cannot be understood. */
export function urisOf(subjectAltName: string | undefined): readonly string[] {
  const text = subjectAltName ?? "";
  const uris: string[] = [];
  NAME.lastIndex = 0;
  while (NAME.lastIndex < text.length) {
    const [, kind, value] = NAME.exec(text) ?? [];
    if (kind === undefined || value === undefined) return [];
    if (kind === "URI" && !value.startsWith('"')) uris.push(value);
  }
  return uris;
}

/** Null unless the certificate names exactly one member of this cluster. */
export function identityOf(subjectAltName: string | undefined, cluster: string): Identity | null {
  const ours = urisOf(subjectAltName).filter((uri) => uri.startsWith(`quorate://${cluster}/`));
  const [uri, another] = ours;
  if (uri === undefined || another !== undefined) return null;
  if (uri === uriOf(cluster, { kind: "admin" })) return { kind: "admin" };
  const node = /^[^/]+\/\/[^/]+\/node\/([a-z][a-z0-9-]{0,39})$/.exec(uri)?.[1];
  return node === undefined ? null : { kind: "node", node };
}

/** Why the holder of a certificate belongs to this cluster in no way, as the end of a sentence; undefined if it does. */
export function notOfCluster(subjectAltName: string | undefined, cluster: string): string | undefined {
  if (identityOf(subjectAltName, cluster) !== null) return undefined;
  const says = subjectAltName === undefined || subjectAltName === "" ? "nobody" : subjectAltName;
  return `names ${says}, nobody of cluster ${cluster} (it needs one URI like ${uriOf(cluster, { kind: "node", node: "NODE" })} among its alternative names)`;
}

/** Why the holder of a certificate is not this node, as the end of a sentence; undefined if it is. */
export function notNode(subjectAltName: string | undefined, cluster: string, node: string): string | undefined {
  const identity = identityOf(subjectAltName, cluster);
  if (identity === null) return notOfCluster(subjectAltName, cluster);
  if (identity.kind === "admin") return `is an administrator's, not that of ${node}`;
  return identity.node === node ? undefined : `is that of ${identity.node}, not of ${node}`;
}
