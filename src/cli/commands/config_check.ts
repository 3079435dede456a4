import type { Command } from "commander";
import { boundsOf } from "../../config/bounds.js";
import type { ClusterConfig, RejoinConfig } from "../../config/cluster_config.js";
import { loadConfig } from "../../config/load.js";
import { toleranceOf } from "../../config/policy.js";
import { formatProblem, type Problem } from "../../config/problems.js";
import { selectNode } from "../../config/select_node.js";
import { kilobytesText } from "../../config/size.js";
import type { CliContext } from "../context.js";
import { EXIT } from "../exit_codes.js";
import { addCommonOptions, type CommonOptions } from "../options.js";
import { renderFields, renderTable, writeJson, writeLines } from "../render.js";

const EXAMPLES = `
Examples:
  quorate config check                          quorate.yaml of this folder
  quorate config check /etc/quorate.yaml -o json
  quorate config check --node n1                reads the password files of n1 only`;

export function registerConfigCheck(program: Command, context: CliContext): void {
  const config = program.command("config").description("look at a configuration without starting anything");
  const check = config
    .command("check")
    .argument("[file]", "the configuration; the same as --config")
    .description("read a configuration, say everything that is wrong with it, or what was understood");
  addCommonOptions(check)
    .addHelpText("after", EXAMPLES)
    .action((file: string | undefined, options: CommonOptions) => checkConfig(context, file, options));
}

async function checkConfig(context: CliContext, file: string | undefined, options: CommonOptions): Promise<void> {
  const result = await loadConfig({
    file: file ?? options.config,
    env: context.env,
    secrets: "read",
    node: options.node,
    hosts: context.hosts,
  });
  const json = options.output === "json";
  if (result.kind === "refused") {
    for (const problem of result.problems) writeLines(context.stderr, formatProblem(problem));
    if (json) writeJson(context.stdout, { schema: "quorate.config/1", ok: false, problems: result.problems });
    context.exitWith(EXIT.configuration);
    return;
  }
  const { config, warnings } = result;
  if (options.node !== undefined) {
    const selection = selectNode(config, { flag: options.node, hosts: context.hosts });
    if (selection.kind === "refused") {
      writeLines(context.stderr, selection.message);
      const problem: Problem = { file: config.file, line: 1, column: 1, path: "", message: selection.message };
      if (json) writeJson(context.stdout, { schema: "quorate.config/1", ok: false, problems: [problem] });
      context.exitWith(EXIT.configuration);
      return;
    }
  }
  if (json) writeJson(context.stdout, describeConfig(config, warnings));
  else writeLines(context.stdout, renderConfig(config, warnings));
}

function describeConfig(config: ClusterConfig, warnings: readonly Problem[]): object {
  return {
    schema: "quorate.config/1",
    ok: true,
    file: config.file,
    cluster: config.cluster,
    policy: config.policy.kind === "majority" ? "majority" : { at_least: config.policy.copies },
    tolerance: toleranceOf(config.policy, config.nodes.length),
    insecure: config.insecure,
    founded: config.founded,
    timings: config.timings,
    bounds: boundsOf(config.timings.detect_ms, config.nodes.length),
    nodes: config.nodes,
    warnings,
  };
}

function security({ insecure, nodes }: ClusterConfig): string {
  if (nodes.some(({ tls }) => tls !== null)) return "mTLS: both ends show a certificate";
  return insecure ? "no TLS (insecure: true)" : "loopback only, no TLS";
}

/** Who may make the cluster; empty disks cannot tell that there is one. */
function foundingFields({ founded, nodes }: ClusterConfig): [string, string][] {
  if (founded)
    return [
      ["founding", "never: the file says that the cluster exists; a node without data waits for one that has it"],
    ];
  const ids = nodes.map(({ id }) => id).join(", ");
  return [
    ["founding", `by ${ids}, once all of them are there and empty`],
    ["", "once the cluster exists, `founded: true` at the top keeps wiped nodes from founding another one"],
  ];
}

function leaseFields({ timings, nodes }: ClusterConfig): [string, string][] {
  const bounds = boundsOf(timings.detect_ms, nodes.length);
  const { suspected_ms, last_coordinator_ms, old_lease_over_ms } = bounds;
  const stalled = `a leader whose Postgres hangs, or whose commits no quorum completes though others could, gives up after ${bounds.stalled_leader_yields_ms} ms`;
  const failover = `a silent leader is suspected after ${suspected_ms} ms, and the last of ${nodes.length} nodes acts after ${last_coordinator_ms} ms`;
  if (bounds.clock_ratio_max === null)
    return [
      ["failover", failover],
      ["", stalled],
    ];
  return [
    ["failover", `${failover}; its lease is over ${old_lease_over_ms} ms after its last word, so nobody waits for it`],
    ["", stalled],
    [
      "lease",
      `${timings.lease_ms} ms, asked for every ${timings.lease_renew_ms} ms; a leader to whom nobody grants one ends its Postgres after ${bounds.isolated_leader_fenced_ms} ms`,
    ],
    [
      "stale reads",
      `${bounds.stale_reads_ms} ms once the next leader is established, if no clock runs ${percent(bounds.clock_ratio_max)} % faster than another`,
    ],
    [
      "",
      `${bounds.stale_reads_after_thaw_ms} ms if the old leader's processes were frozen, ${bounds.stale_reads_after_suspension_ms} ms if its machine was suspended`,
    ],
  ];
}

function percent(ratio: number): string {
  return ((ratio - 1) * 100).toFixed(1);
}

function rejoinFields({ nodes }: ClusterConfig): [string, string][] {
  return [...new Set(nodes.map(({ rejoin }) => rejoinText(rejoin)))].map((text) => ["rejoin", text]);
}

function rejoinText({ max_rate_kb_per_s: rate, at_once, keep_wal_kb }: RejoinConfig): string {
  const pace = rate === null ? "at any rate" : `at most ${kilobytesText(rate)}/s`;
  return `a clone takes ${pace}, ${at_once} at a time from one node; at most ${kilobytesText(keep_wal_kb)} of WAL are kept for who is away`;
}

function renderConfig(config: ClusterConfig, warnings: readonly Problem[]): string {
  const { copies, commits_survive, failover_survives } = toleranceOf(config.policy, config.nodes.length);
  const t = config.timings;
  const policy = config.policy.kind === "majority" ? "majority" : `at_least ${config.policy.copies}`;
  const lost = (nodes: number, whose: string) =>
    nodes === 0 ? `no lost ${whose}` : `${nodes} lost ${whose}${nodes === 1 ? "" : "s"}`;
  const fields: [string, string][] = [
    ["cluster", config.cluster],
    ["policy", `${policy}: ${copies} copies on ${config.nodes.length} nodes before a commit is acknowledged`],
    [
      "",
      `commits go on with ${lost(commits_survive, "follower")}, failover works with ${lost(failover_survives, "node")}`,
    ],
    ...foundingFields(config),
    ["between sidecars", security(config)],
    ["detect", `${t.detect_ms} ms of silence make a suspicion`],
    ...leaseFields(config),
    ["heartbeat", `${t.heartbeat_ms} ms`],
    [
      "restart",
      `waited for ${t.away_ms} ms; a sidecar that is gone for ${t.fuse_ms} ms unasked has its Postgres closed`,
    ],
    [
      "deadlines",
      `call ${t.rpc_deadline_ms} ms, disk ${t.persist_deadline_ms} ms, recruit ${t.recruit_deadline_ms} ms`,
    ],
    ...rejoinFields(config),
  ];
  const rows = config.nodes.map((node) => [
    node.id,
    `${node.host}:${node.port}`,
    `${node.host}:${node.postgres.port}`,
    node.http.port === null ? "none" : `${node.host}:${node.http.port}`,
    node.data_dir,
    Object.entries(node.labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(","),
  ]);
  return [
    `${config.file} is fine`,
    "",
    renderFields(fields),
    "",
    renderTable(["node", "sidecar", "postgres", "http", "data_dir", "labels"], rows),
    ...(warnings.length === 0 ? [] : ["", ...warnings.map((warning) => `warning: ${formatProblem(warning)}`)]),
  ].join("\n");
}
