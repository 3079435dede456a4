import type { Command } from "commander";
import { requireMaterial } from "../certificates.js";
import type { CliContext } from "../context.js";
import { EXIT } from "../exit_codes.js";
import { explain } from "../explanation.js";
import type { ExplainJson } from "../insight_schemas.js";
import { describeSets } from "../node_sets.js";
import { addCommonOptions, type CommonOptions, requireConfig, requireNode } from "../options.js";
import { type Paint, paintFor } from "../paint.js";
import { renderFields, writeJson, writeLines } from "../render.js";
import { ask, EVERY_NODE, nextStep } from "./status.js";

const EXAMPLES = `
Examples:
  quorate explain -c quorate.yaml               why does nothing happen, or who may die next?
  quorate explain -c quorate.yaml -o json

Asks every node, waits for none longer than three seconds, and changes nothing.
Exit codes: 0 explained, whatever it is, 3 nobody answered.`;

export function registerExplain(program: Command, context: CliContext): void {
  const command = program
    .command("explain")
    .description("say why nothing happens now, who is missing and what would be enough; or who may die next")
    .addHelpText("after", EXAMPLES);
  addCommonOptions(command, EVERY_NODE).action(async (_: unknown, self: Command) => {
    const options = self.opts<CommonOptions>();
    const config = await requireConfig(context, { config: options.config, secrets: "skip" });
    if (options.node !== undefined) requireNode(context, config, options.node);
    const answers = await ask(config, await requireMaterial(context, config, options.node));
    const start = nextStep(config).replace(/^next: /, "");
    const explanation = explain({ cluster: config.cluster, answers, start });
    if (options.output === "json") writeJson(context.stdout, explanation);
    else
      writeLines(context.stdout, renderExplanation(explanation, paintFor(context.env, process.stdout.isTTY === true)));
    context.exitWith(explanation.state === "unreachable" ? EXIT.nobodyAnswered : EXIT.done);
  });
}

export function renderExplanation(explanation: ExplainJson, paint: Paint): string {
  const { cluster, summary, reasons, enough, next_step, writable, nodes } = explanation;
  const colour = explanation.state === "healthy" ? paint.green : writable ? paint.yellow : paint.red;
  const lines = [`${cluster}: ${colour(summary)}`];
  if (reasons.length > 0) lines.push("", ...reasons.map((reason) => `  ${reason}`));
  if (enough.length > 0) lines.push("", `would be enough: ${describeSets(enough)}`);
  if (next_step !== null) lines.push(`next: ${next_step}`);
  if (writable) lines.push("", mayDie(explanation));
  lines.push("", "what each node says:", indent(renderFields(nodes.map(({ id, says }) => [id, says]))));
  return lines.join("\n");
}

function mayDie({ leader, may_die: { without_pause, with_failover } }: ExplainJson): string {
  const followers =
    without_pause.length === 0 ? "none: without any one more, commits wait" : describeSets(without_pause);
  const whole =
    with_failover.length === 0
      ? `not now: nobody could take over until ${leader} or others are back`
      : `${describeSets(with_failover)}, after a failover`;
  return `may die next, and writes go on:\n${indent(
    renderFields([
      ["of the followers", followers],
      ["with the leader", whole],
    ]),
  )}`;
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}
