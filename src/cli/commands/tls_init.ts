import { dirname, join, relative, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import type { ClusterConfig } from "../../config/cluster_config.js";
import type { FolderResult, Written } from "../../tls/folder.js";
import { type CliContext, CommandFailed } from "../context.js";
import { EXIT } from "../exit_codes.js";
import { addOutputOption, DEFAULT_CONFIG, type OutputFormat, requireConfig } from "../options.js";
import { renderTable, writeJson, writeLines } from "../render.js";

const FOLDER = "quorate-tls";
const DAYS = 365;
const DAYS_MAX = 3650;
const NODE_ID = /^[a-z][a-z0-9-]{0,39}$/;

const EXAMPLES = `
Examples:
  quorate tls init -c quorate.yaml                  an authority, and certificates for all nodes and one administrator
  quorate tls init -c quorate.yaml --node n4        one for a node that is added later
  quorate tls init -c quorate.yaml --renew          new ones for all, from the same authority
  quorate tls init -c quorate.yaml --renew --node n1 --days 90

It writes DIR/ca.crt and DIR/ca.key, DIR/nodes/ID and DIR/admin. Copy DIR/nodes/n1 to n1 as the folder that \`tls\` in
quorate.yaml names (\`tls: { ca: tls/ca.crt, cert: tls/tls.crt, key: tls/tls.key }\` is relative to the file); DIR/admin to where
people run \`quorate status\`. Keep DIR itself away from the nodes: whoever has ca.key can be any of them.
An authority that is there is never overwritten, a certificate only with --renew. Sidecars read their files again
within ten seconds, without a restart.`;

interface InitOptions {
  readonly config: string;
  readonly dir?: string;
  readonly node?: readonly string[];
  readonly renew?: true;
  readonly days: number;
  readonly output: OutputFormat;
}

export function registerTlsInit(program: Command, context: CliContext): void {
  const tls = program.command("tls").description("certificates for the connections between sidecars");
  const init = tls
    .command("init")
    .description("make an authority (CA) and certificates, for people who have none")
    .option("-c, --config <file>", "the configuration, the same file on every host", DEFAULT_CONFIG)
    .option("--dir <dir>", `where they are kept (default: ${FOLDER} beside the configuration)`)
    .option("--node <id...>", "only for these nodes")
    .option("--renew", "new certificates also where there are some")
    .option("--days <n>", "how long certificates are valid", parseDays, DAYS);
  addOutputOption(init)
    .addHelpText("after", EXAMPLES)
    .action((options: InitOptions) => tlsInit(context, options));
}

function parseDays(text: string): number {
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1 || days > DAYS_MAX)
    throw new InvalidArgumentError(`write a whole number from 1 to ${DAYS_MAX}`);
  return days;
}

async function tlsInit(context: CliContext, options: InitOptions): Promise<void> {
  const config = await requireConfig(context, { config: options.config, secrets: "skip" });
  const dir = resolve(options.dir ?? join(dirname(options.config), FOLDER));
  const members = membersOf(context, config, options.node);
  // Needed by nothing else, and large: loaded when somebody wants it.
  const { writeFolder } = await import("../../tls/folder.js");
  const { cluster } = config;
  const { renew = false, days } = options;
  const result = await writeFolder({ dir, cluster, members, renew, days, nowMs: Date.now() }).catch(
    (error: unknown) => {
      throw new CommandFailed(EXIT.failed, `tls init: ${error instanceof Error ? error.message : String(error)}`);
    },
  );
  if (options.output === "json") writeJson(context.stdout, describe(config, dir, result));
  else writeLines(context.stdout, render(config, dir, result));
}

/** All nodes and an administrator, or the nodes that were named; one that no file names yet may be on its way. */
function membersOf(context: CliContext, config: ClusterConfig, named: readonly string[] | undefined) {
  const ids = named ?? config.nodes.map(({ id }) => id);
  const nodes = ids.map((id) => {
    if (!NODE_ID.test(id))
      throw new CommandFailed(
        EXIT.usage,
        `--node: ${JSON.stringify(id)} is not a node id; use a lower-case letter, then letters, digits and -`,
      );
    const host = config.nodes.find((node) => node.id === id)?.host;
    if (host === undefined) context.stderr.write(`${id} is not in ${config.file} yet; its certificate names no host\n`);
    return { identity: { kind: "node" as const, node: id }, hosts: host === undefined ? [] : [host] };
  });
  return named === undefined ? [...nodes, { identity: { kind: "admin" as const }, hosts: [] }] : nodes;
}

const nameOf = ({ identity }: Written): string => (identity.kind === "admin" ? "admin" : identity.node);
const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

function describe({ cluster }: ClusterConfig, dir: string, { authority, members }: FolderResult): object {
  return {
    schema: "quorate.tls/1",
    cluster,
    dir,
    ca: { cert: authority.cert, key: authority.key, written: authority.written, until: dayOf(authority.notAfterMs) },
    certificates: members.map((member) => ({
      node: member.identity.kind === "node" ? member.identity.node : null,
      folder: member.folder,
      written: member.written,
      until: dayOf(member.notAfterMs),
    })),
  };
}

function render(config: ClusterConfig, dir: string, { authority, members }: FolderResult): string {
  const rows = members.map((member) => [
    nameOf(member),
    relative(process.cwd(), member.folder) || ".",
    dayOf(member.notAfterMs),
    member.written ? "written" : "was there, stays (--renew makes a new one)",
  ]);
  const named = config.nodes.every(({ tls }) => tls !== null);
  return [
    `the authority of cluster ${config.cluster}: ${authority.cert}, valid until ${dayOf(authority.notAfterMs)}${authority.written ? "" : " (was there, stays)"}`,
    "",
    renderTable(["for", "folder", "valid until", ""], rows),
    "",
    "next: copy each node's folder to its host, as the folder that `tls` of the configuration names, readable by the sidecar's user alone",
    ...(named
      ? []
      : ["      and add to the configuration: tls: { ca: tls/ca.crt, cert: tls/tls.crt, key: tls/tls.key }"]),
    `      keep ${join(dir, "ca.key")} away from the nodes: whoever has it can be any of them`,
  ].join("\n");
}
