import type { Command } from "commander";
import type { ClusterConfig } from "../../config/cluster_config.js";
import { loadConfig } from "../../config/load.js";
import { toleranceOf } from "../../config/policy.js";
import { formatProblem, type Problem } from "../../config/problems.js";
import { selectNode } from "../../config/select_node.js";
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
    timings: config.timings,
    nodes: config.nodes,
    warnings,
  };
}

function security({ insecure, nodes }: ClusterConfig): string {
  if (nodes.some(({ tls }) => tls !== null)) return "mTLS: both ends show a certificate";
  return insecure ? "no TLS (insecure: true)" : "loopback only, no TLS";
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
    ["between sidecars", security(config)],
    ["detect", `${t.detect_ms} ms of silence make a suspicion`],
    ["heartbeat", `${t.heartbeat_ms} ms`],
    [
      "deadlines",
      `call ${t.rpc_deadline_ms} ms, disk ${t.persist_deadline_ms} ms, recruit ${t.recruit_deadline_ms} ms`,
    ],
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
