import type { Command } from "commander";
import type { ClusterConfig, NodeConfig } from "../../config/cluster_config.js";
import { clusterState } from "../../core/cluster_state.js";
import { expirySoon } from "../../tls/expiry.js";
import type { TlsMaterial } from "../../tls/material.js";
import { fetchStatus } from "../../transport/admin_client.js";
import { requireMaterial } from "../certificates.js";
import type { CliContext } from "../context.js";
import { STATUS_EXIT } from "../exit_codes.js";
import { addCommonOptions, type CommonOptions, requireConfig, requireNode } from "../options.js";
import { type Paint, paintFor } from "../paint.js";
import { restartNext, settingLines } from "../pending_settings.js";
import { rejoinShown } from "../rejoin_text.js";
import { parseJson, renderFields, renderTable, writeJson, writeLines } from "../render.js";
import { type StatusJson, statusShape } from "../schemas.js";

const DEADLINE_MS = 3000;

const PAUSED = "PAUSED: nobody elects by itself, a leader that dies is not replaced; next: quorate resume";

/** What `--node` says for commands that ask all of them. */
export const EVERY_NODE =
  "accepted as everywhere, and must be a node of the file; all are asked, the best informed one is shown";

const EXAMPLES = `
Examples:
  quorate status -c quorate.yaml
  quorate status -c quorate.yaml -o json

Exit codes: 0 healthy, 1 degraded, 2 no leader, or none established yet, 3 nobody answered.`;

export function registerStatus(program: Command, context: CliContext): void {
  const command = program
    .command("status")
    .description("what the cluster says of itself")
    .addHelpText("after", EXAMPLES);
  addCommonOptions(command, EVERY_NODE).action(async (_: unknown, self: Command) => {
    const options = self.opts<CommonOptions>();
    const config = await requireConfig(context, { config: options.config, secrets: "skip" });
    if (options.node !== undefined) requireNode(context, config, options.node);
    const tls = await requireMaterial(context, config, options.node);
    const answers = await ask(config, tls);
    const known = best(answers);
    const status = shownOf(config, answers, tls);
    const paint = paintFor(context.env, process.stdout.isTTY === true);
    if (options.output === "json") writeJson(context.stdout, status);
    else if (known === null) writeLines(context.stdout, `${render(status, answers, paint)}\n${nextStep(config)}`);
    else writeLines(context.stdout, render(status, answers, paint));
    context.exitWith(known === null ? STATUS_EXIT.unreachable : verdict(status));
  });
}

export function nextStep(config: ClusterConfig): string {
  const [first, ...others] = config.nodes.map(({ id }) => id);
  const there = others.length === 0 ? "" : `; ${others.join(", ")} likewise, each on its host`;
  return `next: start a sidecar (or see in its log why it ended): npx quorate run -c ${config.file} --node ${first}${there}`;
}

export interface Answer {
  readonly id: string;
  readonly status: StatusJson | null;
  readonly reason: string | null;
  /** Of the node, in ms since 1970; null if it did not answer, or without TLS. */
  readonly certificateUntilMs: number | null;
}

/** What the best informed one says, or that nobody does; and what the certificates are warned of. */
export function shownOf(config: ClusterConfig, answers: readonly Answer[], tls: TlsMaterial | null): StatusJson {
  const status = best(answers) ?? silence(config, answers);
  return { ...status, warnings: [...staleFiles(status), ...warningsOf(answers, tls)] };
}

/**
 * Nodes whose files name others than those that have the data: wiped, all that such a file names would found a second
 * cluster. A file that names more than the cohort is none of these: whom it names are not all empty.
 */
function staleFiles({ ruleset, nodes }: StatusJson): string[] {
  if (ruleset === null || !ruleset.decided) return [];
  const { cohort } = ruleset;
  const stale = nodes.filter(({ founds }) => founds != null && cohort.some((id) => !founds.includes(id)));
  if (stale.length === 0) return [];
  const missing = cohort.filter((id) => stale.some(({ founds }) => founds?.includes(id) === false));
  const whose = stale.length === 1 ? `the file of ${stale[0]?.id} does` : `the files of ${list(stale)} do`;
  return [`${whose} not name ${missing.join(", ")}: ${FOUNDED_ADVICE}: ${cohort.join(", ")}`];
}

function list(nodes: readonly { readonly id: string }[]): string {
  return nodes.map(({ id }) => id).join(", ");
}

/** The nodes of the cohort are to be named after it. */
export const FOUNDED_ADVICE =
  "write `founded: true` into the file of every node, so that none whose disks are lost founds a second cluster, and name the nodes that there are";

function warningsOf(answers: readonly Answer[], tls: TlsMaterial | null): string[] {
  const own = tls === null ? [] : [{ whose: "this command", untilMs: tls.notAfterMs }];
  const shown = answers.map(({ id, certificateUntilMs }) => ({ whose: id, untilMs: certificateUntilMs }));
  return [...shown, ...own].flatMap(({ whose, untilMs }) => {
    const soon = untilMs === null ? null : expirySoon(untilMs, Date.now());
    return soon === null ? [] : [`the certificate of ${whose} ${soon}; renew it (\`quorate tls init --renew\`)`];
  });
}

export function ask(config: ClusterConfig, tls: TlsMaterial | null): Promise<Answer[]> {
  return Promise.all(config.nodes.map((node) => askNode(config, node, tls)));
}

export async function askNode(
  { cluster }: ClusterConfig,
  { id, host, port }: NodeConfig,
  tls: TlsMaterial | null,
  signal?: AbortSignal,
): Promise<Answer> {
  const question = { node: id, host, port, cluster, deadlineMs: DEADLINE_MS, tls };
  const reply = await fetchStatus(signal === undefined ? question : { ...question, signal });
  if (!reply.ok) return { id, status: null, reason: reply.reason, certificateUntilMs: null };
  const { certificateUntilMs } = reply;
  const parsed = statusShape.safeParse(parseJson(reply.json));
  return parsed.success
    ? { id, status: parsed.data, reason: null, certificateUntilMs }
    : { id, status: null, reason: "it answered in a form that this version does not know", certificateUntilMs };
}

/** The leader knows most; else whoever has seen the highest term. */
export function best(answers: readonly Answer[]): StatusJson | null {
  const given = answers.filter((a): a is Answer & { readonly status: StatusJson } => a.status !== null);
  const rank = (a: (typeof given)[number]) =>
    [a.status.term ?? 0, Number(a.status.leader === a.id), Number(a.status.established)] as const;
  given.sort((a, b) => {
    const [ra, rb] = [rank(a), rank(b)];
    return rb[0] - ra[0] || rb[1] - ra[1] || rb[2] - ra[2];
  });
  return given[0]?.status ?? null;
}

export function verdict(status: StatusJson): (typeof STATUS_EXIT)[keyof typeof STATUS_EXIT] {
  switch (clusterState(status)) {
    case "healthy":
      return STATUS_EXIT.healthy;
    case "degraded":
      return STATUS_EXIT.degraded;
    case "no_leader":
      return STATUS_EXIT.noLeader;
  }
}

function silence(config: ClusterConfig, answers: readonly Answer[]): StatusJson {
  return {
    schema: "quorate.status/1",
    cluster: config.cluster,
    system_identifier: null,
    term: null,
    leader: null,
    established: false,
    paused: false,
    quorum_lsn: null,
    ruleset: null,
    enforced_by: null,
    survives: [],
    nodes: config.nodes.map((n) => ({
      id: n.id,
      role: "none",
      reachable: false,
      postgres: null,
      version: null,
      host: n.host,
      port: n.postgres.port,
      labels: { ...n.labels },
      term: null,
      timeline: null,
      promise: null,
      flush_lsn: null,
      replay_lsn: null,
      lag_bytes: null,
      ack_age_ms: null,
      seen_age_ms: null,
      voter: false,
      eligible: true,
      why_not: answers.find(({ id }) => id === n.id)?.reason ?? "its sidecar does not answer",
      sidecar_pid: null,
      postmaster_pid: null,
      data_dir: n.data_dir,
    })),
    lease: null,
    blocked: null,
    uri: null,
  };
}

function stateOf(status: StatusJson, answers: readonly Answer[], paint: Paint): string {
  if (answers.every((a) => a.status === null)) return paint.red("nobody answers");
  const code = verdict(status);
  switch (code) {
    case STATUS_EXIT.healthy:
      return paint.green("healthy");
    case STATUS_EXIT.degraded:
      return paint.yellow("degraded");
    case STATUS_EXIT.noLeader:
      return paint.red(status.leader === null ? "no leader" : "no writes yet");
    case STATUS_EXIT.unreachable:
      return paint.red("nobody answers");
  }
}

function leaseField({ lease }: StatusJson): [string, string][] {
  if (lease == null) return [];
  const left = lease.left_ms === null ? "needs no grant" : `${lease.left_ms} ms left without another grant`;
  return [["lease", lease.lacks.length === 0 ? left : `${left}; none lately from ${lease.lacks.join(" and ")}`]];
}

function postgresText({ postgres, rejoin }: StatusJson["nodes"][number]): string {
  const { percent } = rejoinShown(rejoin);
  const works = postgres === "cloning" || postgres === "rewinding";
  return `${postgres ?? "?"}${works && percent !== null ? ` ${percent} %` : ""}`;
}

/** For `recovery_target_timeline`: the one of the highest number may be nobody's. */
function timelineFields({ timeline }: StatusJson): [string, string][] {
  if (timeline == null) return [];
  const { id, parent, switch_lsn } = timeline;
  const left = parent === null || switch_lsn === null ? "" : `, which left timeline ${parent} at ${switch_lsn}`;
  return [["restore to", `timeline ${id}${left}`]];
}

/** What is under way with the rules, and with what commits wait meanwhile. */
function changeFields({ change, enforced }: StatusJson): (readonly [string, string])[] {
  if (change == null) return [];
  const waits = change.waits_for === null ? "" : `: ${change.waits_for}`;
  const fields: (readonly [string, string])[] = [
    ["change", `${change.stage}${waits}`],
    ["asked for", `${change.cohort.join(", ")}: ${change.cause}`],
  ];
  if (enforced != null && !enforced.exact)
    fields.push(["enforced by", `${enforced.names}, stricter than the rules until the change is done`]);
  return fields;
}

export function render(status: StatusJson, answers: readonly Answer[], paint: Paint): string {
  const policy =
    status.ruleset === null
      ? "-"
      : typeof status.ruleset.policy === "string"
        ? status.ruleset.policy
        : `at least ${status.ruleset.policy.at_least} copies`;
  const head = renderFields([
    ["cluster", `${status.cluster}  ${stateOf(status, answers, paint)}`],
    [
      "leader",
      status.leader === null
        ? "none"
        : `${status.leader}, term ${status.term}${status.established ? "" : ", not established yet"}`,
    ],
    ...leaseField(status),
    ["policy", policy],
    [
      "survives the loss of",
      status.survives.length === 0 ? "nothing" : status.survives.map((s) => s.join(" and ")).join(", or "),
    ],
    ...changeFields(status),
    ...timelineFields(status),
    ...(status.uri === null ? [] : ([["connect", status.uri]] as const)),
  ]);
  const rows = status.nodes.map((n) => [
    n.id,
    n.role,
    postgresText(n),
    `${n.host}:${n.port}`,
    n.timeline === null ? "-" : String(n.timeline),
    n.flush_lsn ?? "-",
    n.lag_bytes === null ? "-" : `${n.lag_bytes} B`,
    [n.why_not ?? answers.find((a) => a.id === n.id)?.reason, rejoinShown(n.rejoin).line]
      .filter((t) => t != null)
      .join("; "),
  ]);
  const table = renderTable(["node", "role", "postgres", "address", "timeline", "flushed", "behind", ""], rows);
  const paused = status.paused ? `${paint.red(PAUSED)}\n\n` : "";
  const blocked =
    status.blocked === null
      ? ""
      : `\n${paint.red("blocked")}: ${status.blocked.reason}\nnext: ${status.blocked.next_step}\n`;
  const settings = settingLines(status).map((line) => `${line}\n`);
  const next = settings.length === 0 ? null : restartNext(status);
  if (next !== null) settings.push(`next: ${next}\n`);
  const warnings = (status.warnings ?? []).map((text) => `${paint.yellow("warning")}: ${text}\n`).join("");
  return `${paused}${head}\n\n${table}\n${settings.length === 0 ? "" : `\n${settings.join("")}`}${blocked}${warnings === "" ? "" : `\n${warnings}`}`;
}
