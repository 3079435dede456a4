import { sep } from "node:path";
import { refuseSetting } from "../settings/managed_settings.js";
import type { NodeConfig } from "./cluster_config.js";
import { walSendersNeeded } from "./derive.js";
import { isLoopback, sameAddress, sameMachine } from "./hosts.js";
import { toleranceOf } from "./policy.js";
import type { Problem } from "./problems.js";
import { DEFAULT_HTTP_PORT, resolveNode, settingText } from "./resolve.js";
import type { FileConfig } from "./schema.js";
import { type ConfigSource, type Path, written } from "./source.js";
import { checkTls, namesTls } from "./tls_checks.js";

/** More voters make commits and elections slower, not safer; and subsets of the cohort are enumerated. */
export const NODES_MAX = 9;
const NODE_ID = /^[a-z][a-z0-9-]{0,39}$/;

/** What every check gets: the file's values without those already refused, and where they were written. */
export interface CheckInput {
  readonly source: ConfigSource;
  readonly file: FileConfig;
  readonly nodes: readonly NodeConfig[];
}

export function checkInput(source: ConfigSource, file: FileConfig): CheckInput {
  const ids = Object.keys(file.nodes ?? {});
  return { source, file, nodes: ids.map((id) => resolveNode(source.file, file, id, new Map())) };
}

/** Everything that one value alone does not show. The policy is judged apart, by `readPolicy`. */
export function crossCheck(input: CheckInput): readonly Problem[] {
  return [
    checkRequired,
    checkNodes,
    checkTls,
    checkHosts,
    checkPorts,
    checkDataDirs,
    checkSettings,
    checkRoles,
  ].flatMap((check) => check(input));
}

function checkRequired({ source, file }: CheckInput): readonly Problem[] {
  const missing: [Path, string][] = [
    [["cluster"], "missing; name the cluster, as in `cluster: shop`"],
    [["nodes"], "missing; list the nodes, as in `nodes: { n1: { host: 10.0.0.1 }, ... }`"],
    [["policy"], "missing; write `policy: majority` or `policy: { at_least: N }`"],
    ...Object.keys(file.nodes ?? {}).map((id): [Path, string] => [
      ["nodes", id, "host"],
      "missing; write the name or address by which the other nodes reach it",
    ]),
  ];
  return missing.filter(([path]) => !source.has(path)).map(([path, message]) => source.problem(path, message));
}

function checkNodes({ source, file, nodes }: CheckInput): readonly Problem[] {
  if (file.nodes === undefined) return [];
  const problems = nodes
    .filter(({ id }) => !NODE_ID.test(id))
    .map(({ id }) =>
      source.problem(["nodes", id], "not a node id; use a lower-case letter, then letters, digits and `-`, at most 40"),
    );
  if (nodes.length < 2) {
    const message = `${nodes.length === 1 ? "one node has" : "no nodes have"} nobody to fail over to; list 3 or more (2 at least)`;
    problems.push(source.problem(["nodes"], message));
  }
  if (nodes.length > NODES_MAX) {
    problems.push(source.problem(["nodes"], `${nodes.length} nodes; use at most ${NODES_MAX}`));
  }
  return problems;
}

function checkHosts({ source, file, nodes }: CheckInput): readonly Problem[] {
  const problems: Problem[] = [];
  for (const { id, host } of nodes) {
    if (["0.0.0.0", "::"].includes(host)) {
      problems.push(
        source.problem(["nodes", id, "host"], `${host} is nobody's address; write one that the other nodes can reach`),
      );
    }
  }
  const remote = nodes.filter(({ host }) => host !== "" && !isLoopback(host));
  const first = remote[0];
  if (first !== undefined && file.insecure !== true && !namesTls({ source, nodes })) {
    const ids = remote.map(({ id }) => id).join(", ");
    const message = `sidecars would talk without TLS over the network (${ids}); add \`tls: { ca: tls/ca.crt, cert: tls/tls.crt, key: tls/tls.key }\` at the top (\`quorate tls init\` makes these), or \`insecure: true\` if the network is trusted`;
    problems.push(source.problem(["nodes", first.id, "host"], message));
  }
  return problems;
}

interface Listener {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly key: Path;
}

function checkPorts({ source, nodes }: CheckInput): readonly Problem[] {
  const listeners: readonly Listener[] = nodes.flatMap(({ id, host, port, postgres, http }) => [
    { id, host, port, key: ["port"] },
    { id, host, port: postgres.port, key: ["postgres", "port"] },
    ...(http.port === null ? [] : [{ id, host, port: http.port, key: ["http", "port"] }]),
  ]);
  return clashes(source, listeners);
}

/** Listeners that want a port of an address that one before them wants as well. */
function clashes(source: ConfigSource, listeners: readonly Listener[]): readonly Problem[] {
  return listeners.flatMap(({ id, host, port, key }, i) => {
    const other = listeners.slice(0, i).find((entry) => entry.port === port && sameAddress(entry.host, host));
    if (other === undefined) return [];
    const message = `${port} on ${host} is ${other.key.join(".")} of ${other.id} already; give ${id} another ${key.join(".")}`;
    return [source.problem(written(source, id, key), message)];
  });
}

function checkDataDirs({ source, nodes }: CheckInput): readonly Problem[] {
  return nodes.flatMap((node, i) => {
    const other = nodes
      .slice(0, i)
      .find((entry) => sameMachine(entry.host, node.host) && overlap(entry.data_dir, node.data_dir));
    if (other === undefined) return [];
    const message = `${node.data_dir} on ${node.host} is where ${other.id} keeps its data; give ${node.id} a folder of its own`;
    return [source.problem(written(source, node.id, ["data_dir"]), message)];
  });
}

function overlap(a: string, b: string): boolean {
  return a === b || a.startsWith(b.endsWith(sep) ? b : b + sep) || b.startsWith(a.endsWith(sep) ? a : a + sep);
}

function checkSettings({ source, file, nodes }: CheckInput): readonly Problem[] {
  const places: [Path, FileConfig["postgres"]][] = [
    [["postgres", "settings"], file.postgres],
    ...nodes.map(({ id }): [Path, FileConfig["postgres"]] => [
      ["nodes", id, "postgres", "settings"],
      file.nodes?.[id]?.postgres,
    ]),
  ];
  return places.flatMap(([path, postgres]) =>
    Object.entries(postgres?.settings ?? {}).flatMap(([name, value]) => {
      const refusal = refuseSetting(name, settingText(value), walSendersNeeded(nodes.length));
      return refusal === undefined ? [] : [source.problem([...path, name], refusal)];
    }),
  );
}

/** Roles live in the data, which every node has a copy of: they cannot differ by node, nor be one and the same. */
function checkRoles({ source, nodes }: CheckInput): readonly Problem[] {
  const first = nodes[0];
  if (first === undefined) return [];
  const problems: Problem[] = [];
  for (const { id, postgres } of nodes) {
    for (const role of ["superuser", "replication"] as const) {
      const expected = first.postgres[role].user;
      if (postgres[role].user === expected) continue;
      const message = `${postgres[role].user}, but ${expected} on ${first.id}; name one ${role} role for all nodes`;
      problems.push(source.problem(written(source, id, ["postgres", role, "user"]), message));
    }
  }
  if (first.postgres.superuser.user === first.postgres.replication.user) {
    const message = `${first.postgres.superuser.user} is the superuser already; name another role, or remove it`;
    problems.push(source.problem(written(source, first.id, ["postgres", "replication", "user"]), message));
  }
  return problems;
}

/** What is allowed, but probably not what somebody wants. */
export function findWarnings(
  { source, nodes }: CheckInput,
  policy: Parameters<typeof toleranceOf>[0],
): readonly Problem[] {
  const warnings: Problem[] = [];
  const { copies, failover_survives } = toleranceOf(policy, nodes.length);
  if (failover_survives === 0) {
    const message = `${copies} copies on ${nodes.length} nodes: no node may be lost for a failover, since the lost leader's copy would be needed; add a node`;
    warnings.push(source.problem(["policy"], message));
  }
  const silent = nodes.find(({ http }) => http.port === null);
  if (silent !== undefined) {
    const message = `nodes share the address ${silent.host}, so the default ${DEFAULT_HTTP_PORT} is nobody's and ${silent.id} serves no HTTP; give each of them an http.port`;
    warnings.push(source.problem(["nodes", silent.id], message));
  }
  const detect = nodes.find(({ timings }) => timings.detect_ms !== nodes[0]?.timings.detect_ms);
  if (detect !== undefined) {
    const message = "nodes that suspect at different times compete for the leadership; set it once at the top";
    warnings.push(source.problem(written(source, detect.id, ["timings", "detect"]), message));
  }
  const local = nodes.find(({ host }) => isLoopback(host));
  if (local !== undefined && nodes.some(({ host }) => !isLoopback(host))) {
    const message = `${local.host} is reached from its own host only; write an address that the other nodes can reach`;
    warnings.push(source.problem(["nodes", local.id, "host"], message));
  }
  return warnings;
}
