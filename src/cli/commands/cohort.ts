import type { Command } from "commander";
import type { ClusterConfig, NodeConfig } from "../../config/cluster_config.js";
import { parseDuration } from "../../config/duration.js";
import type { ChangeResult } from "../../core/ruleset/wanted.js";
import type { TlsMaterial } from "../../tls/material.js";
import { type OrderReply, orderCohort } from "../../transport/order_client.js";
import { requireMaterial } from "../certificates.js";
import type { CohortJson } from "../cohort_schema.js";
import { type CliContext, CommandFailed } from "../context.js";
import { EXIT, type ExitCode } from "../exit_codes.js";
import { addCommonOptions, type CommonOptions, requireConfig } from "../options.js";
import { writeJson, writeLines } from "../render.js";
import type { StatusJson } from "../schemas.js";
import { ask, best, FOUNDED_ADVICE } from "./status.js";

const JOIN = {
  description: "take a node into the cohort: from then on its copy counts, it votes, and it may lead",
  text: `
Examples:
  quorate run -c quorate.yaml --node n4       on the new host, first: it clones and streams, and its copy counts nowhere
  quorate join n4 -c quorate.yaml             once it has caught up, its copy counts
  quorate join n4 -c quorate.yaml --wait 30m  and is waited for so long

The new host's configuration names the other nodes beside its own; theirs need not name it. A node that was wiped comes
back under its name by itself. Afterwards bring the files up to date, with \`founded: true\` in each: what is to be
written is said at the end.`,
  wait: "5m",
};

const REMOVE = {
  description: "take a node out of the cohort: its copy counts no more, and it is not waited for",
  text: `
Examples:
  quorate remove n3 -c quorate.yaml           dead or alive; what it holds is left alone
  quorate remove n3 -c quorate.yaml -o json

A node that still runs streams on as an observer: stop its sidecar. The leader itself leaves office when it is removed.`,
  wait: "10s",
};

const CODES = `

Exit codes: 0 done, 1 it was written and taken back, or that is not known (the message says which), 3 nobody answered,
4 refused: nothing was changed.`;

/** Longer than a leader takes to bring a change to an end that nobody can stop any more. */
const ANSWER_MARGIN_MS = 120_000;
const LEADER_WITHIN_MS = 10_000;
const LOOK_AGAIN_MS = 500;

type Verb = "join" | "remove";

interface CohortOptions extends CommonOptions {
  readonly wait: string;
  readonly reason: string;
}

interface Asked {
  readonly config: ClusterConfig;
  readonly tls: TlsMaterial | null;
  readonly verb: Verb;
  readonly node: string;
  readonly waitMs: number;
  readonly cause: string;
}

export function registerJoin(program: Command, context: CliContext): void {
  register(program, context, "join", JOIN);
}

export function registerRemove(program: Command, context: CliContext): void {
  register(program, context, "remove", REMOVE);
}

function register(program: Command, context: CliContext, verb: Verb, help: typeof JOIN): void {
  const command = program
    .command(verb)
    .argument("<id>", "the node")
    .description(help.description)
    .option("--wait <duration>", "how long the nodes that it needs are waited for", help.wait)
    .option("--reason <text>", "why, for the history", "by hand")
    .addHelpText("after", `${help.text}${CODES}`);
  addCommonOptions(command, "accepted as everywhere; the leader is asked").action(
    async (node: string, _: unknown, self: Command) => {
      const options = self.opts<CohortOptions>();
      const waitMs = parseDuration(options.wait);
      if (waitMs === undefined) throw new CommandFailed(EXIT.usage, `--wait ${options.wait}: write 30s, 5m or 0s`);
      if (!/^[a-z][a-z0-9-]{0,39}$/.test(node)) throw new CommandFailed(EXIT.usage, `${node} is no node id`);
      const config = await requireConfig(context, { config: options.config, secrets: "skip" });
      const tls = await requireMaterial(context, config, options.node);
      const asked = { config, tls, verb, node, waitMs, cause: `${verb} ${node}: ${options.reason}` };
      const outcome = await order(context, asked);
      report(context, options, asked, { ...outcome, next_step: outcome.ok ? await whatToWrite(asked) : null });
    },
  );
}

type Outcome = Pick<CohortJson, "ok" | "asked" | "number" | "took_ms" | "refusal" | "reason">;
type Reported = Outcome & Pick<CohortJson, "next_step">;

/** A leader that was replaced since it was found did nothing: its successor is asked. */
async function order(context: CliContext, asked: Asked): Promise<Outcome> {
  const startedMs = performance.now();
  for (;;) {
    const leader = await findLeader(asked);
    context.stderr.write(`asks ${leader.id} to ${asked.verb} ${asked.node}\n`);
    const reply = await watched(context, asked, leader);
    const moved = reply.ok && reply.result.kind === "refused" && reply.result.refusal.code === "not_leader";
    const took_ms = Math.round(performance.now() - startedMs);
    if (!moved || took_ms > LEADER_WITHIN_MS) return { asked: leader.id, took_ms, ...outcomeOf(reply) };
    await pause();
  }
}

async function findLeader({ config, tls }: Asked): Promise<NodeConfig> {
  const untilMs = performance.now() + LEADER_WITHIN_MS;
  for (;;) {
    const answers = await ask(config, tls);
    const seen = best(answers);
    if (seen === null) {
      const reasons = answers.map(({ id, reason }) => `${id}: ${reason}`).join("; ");
      throw new CommandFailed(EXIT.nobodyAnswered, `nobody answered: ${reasons}`);
    }
    if (seen.leader !== null && seen.established) {
      const found = config.nodes.find(({ id }) => id === seen.leader);
      if (found !== undefined) return found;
      throw new CommandFailed(EXIT.failed, `${seen.leader} leads, but ${config.file} does not say where it is; add it`);
    }
    if (performance.now() > untilMs)
      throw new CommandFailed(EXIT.refused, "nobody leads, and rules are changed by a leader; see quorate explain");
    await pause();
  }
}

/** Says on stderr how far it is, while the answer is awaited. */
async function watched(context: CliContext, asked: Asked, leader: NodeConfig): Promise<OrderReply<ChangeResult>> {
  const { config, tls, verb, node, waitMs, cause } = asked;
  const to = { ...leader, cluster: config.cluster, deadlineMs: waitMs + ANSWER_MARGIN_MS, tls };
  let ended = false;
  const reply = orderCohort(to, { join: [], remove: [], [verb]: [node], waitMs, cause }).finally(() => {
    ended = true;
  });
  let said = "";
  for (;;) {
    await Promise.race([reply, pause()]);
    if (ended) return reply;
    const text = progressOf(best(await ask(config, tls)));
    if (text !== "" && text !== said) context.stderr.write(`${text}\n`);
    said = text;
  }
}

function progressOf(status: StatusJson | null): string {
  const change = status?.change;
  return change == null ? "" : `${change.stage}${change.waits_for === null ? "" : `: ${change.waits_for}`}`;
}

function outcomeOf(reply: OrderReply<ChangeResult>): Pick<Outcome, "ok" | "number" | "refusal" | "reason"> {
  const nothing = { ok: false, number: null, refusal: null, reason: null };
  if (!reply.ok) return { ...nothing, reason: `the leader did not say what became of it: ${reply.reason}; ${LOOK}` };
  return { ...nothing, ...resultOf(reply.result) };
}

const LOOK = "look at the cohort that quorate status shows, and ask again if it is the old one";

function resultOf(result: ChangeResult): Partial<Outcome> {
  switch (result.kind) {
    case "done":
      return { ok: true, number: [Number(result.number.term), result.number.subterm] };
    case "refused": {
      const { code, reason, missing, nextStep } = result.refusal;
      return { refusal: { code, reason, missing: [...missing], next_step: nextStep } };
    }
    case "voided":
      return { reason: `${result.refusal.reason}; next: ${result.refusal.nextStep}` };
    case "unknown":
      return { reason: `${result.reason}; next: ${result.nextStep}` };
  }
}

/** The files do not change by themselves, and a stale one may found a second cluster. */
async function whatToWrite({ config, tls }: Asked): Promise<string> {
  const status = best(await ask(config, tls));
  const cohort = status?.ruleset?.cohort ?? [];
  const places = cohort.map((id) => {
    const host = status?.nodes.find((node) => node.id === id)?.host;
    return host === undefined ? id : `${id} (${host})`;
  });
  return `${FOUNDED_ADVICE}${places.length === 0 ? "" : `: ${places.join(", ")}`}`;
}

function report(context: CliContext, { output }: CohortOptions, { verb, node }: Asked, outcome: Reported): void {
  const { ok, refusal, reason, took_ms } = outcome;
  const code: ExitCode = ok ? EXIT.done : refusal !== null ? EXIT.refused : EXIT.failed;
  context.exitWith(code);
  if (output === "json") writeJson(context.stdout, { schema: `quorate.${verb}/1`, node, ...outcome });
  const done = verb === "join" ? `${node} is in the cohort` : `${node} is not in the cohort any more`;
  const said = ok
    ? `${done}, after ${took_ms} ms\nnext: ${outcome.next_step}`
    : refusal !== null
      ? `refused, nothing was changed: ${refusal.reason}; next: ${refusal.next_step}`
      : (reason ?? "");
  writeLines(output === "json" || !ok ? context.stderr : context.stdout, said);
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
}
