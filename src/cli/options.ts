import { existsSync } from "node:fs";
import { type Command, Option } from "commander";
import type { ClusterConfig, NodeConfig } from "../config/cluster_config.js";
import { loadConfig } from "../config/load.js";
import { formatProblem } from "../config/problems.js";
import { selectNode } from "../config/select_node.js";
import { type CliContext, CommandFailed } from "./context.js";
import { EXIT } from "./exit_codes.js";

export type OutputFormat = "text" | "json";

export interface CommonOptions {
  readonly config: string;
  readonly node?: string;
  readonly output: OutputFormat;
}

const HERE = "quorate.yaml";
/** Where a host has it. */
const INSTALLED = "/etc/quorate/quorate.yaml";
export const DEFAULT_CONFIG = existsSync(HERE) || !existsSync(INSTALLED) ? HERE : INSTALLED;

export function addOutputOption(command: Command): Command {
  return command.addOption(
    new Option("-o, --output <format>", "text for people, json for programs").choices(["text", "json"]).default("text"),
  );
}

const WHICH_NODE = "which node is meant (else QUORATE_NODE, else the one with an address of this host)";

/** `--config`, `--node` and `-o`, the same for every command that needs a cluster. */
export function addCommonOptions(command: Command, node: string = WHICH_NODE): Command {
  command.option("-c, --config <file>", "the configuration, the same file on every host", DEFAULT_CONFIG);
  command.option("--node <id>", node);
  return addOutputOption(command);
}

/** The configuration, or the end of the command with every problem on stderr and exit code 78. */
export async function requireConfig(
  context: CliContext,
  options: { readonly config: string; readonly secrets: "read" | "skip"; readonly node?: string | undefined },
): Promise<ClusterConfig> {
  const result = await loadConfig({
    file: options.config,
    env: context.env,
    secrets: options.secrets,
    node: options.node,
  });
  if (result.kind === "refused") {
    throw new CommandFailed(EXIT.configuration, result.problems.map(formatProblem).join("\n"));
  }
  for (const warning of result.warnings) context.stderr.write(`${formatProblem(warning)} (warning)\n`);
  return result.config;
}

/** The node that this host is, or that was asked for; exit code 78 if that is not clear. */
export function requireNode(context: CliContext, config: ClusterConfig, flag: string | undefined): NodeConfig {
  const selection = selectNode(config, { flag, env: context.env.QUORATE_NODE, hosts: context.hosts });
  if (selection.kind === "refused") throw new CommandFailed(EXIT.configuration, selection.message);
  return selection.node;
}
