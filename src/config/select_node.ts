import type { ClusterConfig, NodeConfig } from "./cluster_config.js";
import { isOnThisHost } from "./hosts.js";

export interface NodeHints {
  /** `--node` */
  readonly flag?: string | undefined;
  /** `QUORATE_NODE` */
  readonly env?: string | undefined;
  /** Names and addresses of this host. */
  readonly hosts: readonly string[];
}

export type NodeSelection =
  | { readonly kind: "selected"; readonly node: NodeConfig }
  /** In the form of a configuration problem without a place: `path: what is wrong; what to do`. */
  | { readonly kind: "refused"; readonly message: string };

/** Which node of the cluster this host is: as told, else the one node whose host is a name or address of ours. */
export function selectNode(config: ClusterConfig, hints: NodeHints): NodeSelection {
  const ids = config.nodes.map(({ id }) => id).join(", ");
  const asked = hints.flag ?? (hints.env === "" ? undefined : hints.env);
  if (asked !== undefined) {
    const node = config.nodes.find(({ id }) => id === asked);
    if (node !== undefined) return { kind: "selected", node };
    const from = hints.flag !== undefined ? "--node" : "QUORATE_NODE";
    return {
      kind: "refused",
      message: `${from}: ${config.file} has no node ${JSON.stringify(asked)}; choose one of ${ids}`,
    };
  }
  const matching = config.nodes.filter(({ host }) => isOnThisHost(host, hints.hosts));
  const [node, another] = matching;
  if (node !== undefined && another === undefined) return { kind: "selected", node };
  if (node === undefined) {
    return {
      kind: "refused",
      message: `--node: no node of ${config.file} has a name or address of this host; say which one it is: ${ids}`,
    };
  }
  const several = matching.map(({ id }) => id).join(", ");
  return { kind: "refused", message: `--node: ${several} are all on this host; say which one is meant` };
}
