import type { Command } from "commander";
import type { ClusterConfig } from "../../config/cluster_config.js";
import type { TlsMaterial } from "../../tls/material.js";
import { fetchHistory } from "../../transport/admin_client.js";
import { requireMaterial } from "../certificates.js";
import { type CliContext, CommandFailed } from "../context.js";
import { EXIT } from "../exit_codes.js";
import { type HistoryJson, historyShape } from "../insight_schemas.js";
import { addCommonOptions, type CommonOptions, requireConfig, requireNode } from "../options.js";
import { parseJson, renderTable, writeJson, writeLines } from "../render.js";

/** A log is read for it: more than a status takes. */
const DEADLINE_MS = 5000;

const EXAMPLES = `
Examples:
  quorate history -c quorate.yaml               who led when and why, and how long each change of leader took
  quorate history -c quorate.yaml -n 5          the last five
  quorate history -c quorate.yaml -o json

It stands in the database itself (quorate.ruleset_history, quorate.leadership_history) and is read through the sidecars; the
newest log is shown. LSN: where the timeline of that term begins. The phases are parts of the change, in ms: from the suspicion
to acting on it, recruiting, promoting, until a quorum had the first record. "-": the leader died before it had written them.
Exit codes: 0 done, 1 no sidecar could or would tell it now, 3 nobody answered.`;

const ONE_NODE = "ask this node alone (else all are asked, and the newest log is shown)";

interface HistoryOptions extends CommonOptions {
  readonly last?: string;
}

export function registerHistory(program: Command, context: CliContext): void {
  const command = program
    .command("history")
    .description("who led when and why, with the phases of each change of leader")
    .option("-n, --last <count>", "only the last terms")
    .addHelpText("after", EXAMPLES);
  addCommonOptions(command, ONE_NODE).action(async (_: unknown, self: Command) => {
    const options = self.opts<HistoryOptions>();
    const last = countOf(options.last);
    const config = await requireConfig(context, { config: options.config, secrets: "skip" });
    const only = options.node === undefined ? null : requireNode(context, config, options.node).id;
    const tls = await requireMaterial(context, config, options.node);
    const history = await ask(config, only, tls);
    const shown = { ...history, terms: history.terms.slice(-last) };
    if (options.output === "json") writeJson(context.stdout, shown);
    else writeLines(context.stdout, renderHistory(shown));
  });
}

function countOf(text: string | undefined): number {
  if (text === undefined) return Number.MAX_SAFE_INTEGER;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new CommandFailed(EXIT.usage, `--last ${text}: a count, such as 5`);
  return Number(text);
}

type Answer =
  | { readonly kind: "told"; readonly history: HistoryJson }
  | { readonly kind: "refused" | "silent"; readonly line: string };

async function ask(config: ClusterConfig, only: string | null, tls: TlsMaterial | null): Promise<HistoryJson> {
  const { cluster } = config;
  const nodes = config.nodes.filter(({ id }) => only === null || id === only);
  const answers = await Promise.all(
    nodes.map(async ({ id, host, port }): Promise<Answer> => {
      const reply = await fetchHistory({ node: id, host, port, cluster, deadlineMs: DEADLINE_MS, tls });
      if (!reply.ok) return { kind: reply.refused ? "refused" : "silent", line: `${id}: ${reply.reason}` };
      const parsed = historyShape.safeParse(parseJson(reply.json));
      if (parsed.success) return { kind: "told", history: parsed.data };
      return { kind: "refused", line: `${id}: it answered in a form that this version does not know` };
    }),
  );
  const newest = newestOf(answers.flatMap((answer) => (answer.kind === "told" ? [answer.history] : [])));
  if (newest !== null) return newest;
  const reasons = answers.flatMap((answer) => (answer.kind === "told" ? [] : [answer.line])).join("\n");
  const there = answers.some(({ kind }) => kind === "refused");
  throw new CommandFailed(there ? EXIT.failed : EXIT.nobodyAnswered, reasons);
}

/** The log with the highest term; among equals the one that knows more of it. */
export function newestOf(histories: readonly HistoryJson[]): HistoryJson | null {
  const rank = ({ terms }: HistoryJson) => [
    terms.at(-1)?.term ?? 0,
    terms.length,
    terms.filter(({ phases }) => phases !== null).length,
    Number(terms.at(-1)?.established ?? false),
    terms.filter((term) => term.lsn !== null).length,
  ];
  const ranked = histories.map((history) => ({ history, rank: rank(history) }));
  ranked.sort((a, b) => a.rank.map((value, i) => (b.rank[i] ?? 0) - value).find((difference) => difference !== 0) ?? 0);
  return ranked[0]?.history ?? null;
}

const HEAD = ["term", "leader", "since (UTC)", "LSN", "suspected", "recruited", "promoted", "established", "by", "why"];

export function renderHistory({ terms }: HistoryJson): string {
  if (terms.length === 0) return "nobody has led yet: the cluster was never founded";
  const rows = terms.flatMap((led) => {
    const { phases } = led;
    const row = [
      String(led.term),
      led.leader,
      moment(led.at),
      led.lsn ?? "-",
      ...[phases?.detect_ms, phases?.recruit_ms, phases?.promote_ms].map(cell),
      phases === null && !led.established ? "?" : cell(phases?.establish_ms),
      led.recruited === null ? "-" : led.recruited.join(","),
      `${led.founding === true ? "founded: " : ""}${led.cause}`,
    ];
    const changes = led.changes.map(({ number, state, at, cause }) => {
      const what = `rules ${number.join(".")} ${state}: ${cause}`;
      return ["", "", moment(at), "", "", "", "", "", "", what];
    });
    return [row, ...changes];
  });
  return renderTable(HEAD, rows);
}

function cell(value: number | null | undefined): string {
  return typeof value === "number" ? `${value} ms` : "-";
}

function moment(iso: string): string {
  return iso.replace("T", " ").replace(/\.\d+Z$/, "");
}
