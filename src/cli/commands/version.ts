import type { Command } from "commander";
import type { CliContext } from "../context.js";
import { addOutputOption, type OutputFormat } from "../options.js";
import { writeJson, writeLines } from "../render.js";

export function registerVersion(program: Command, context: CliContext): void {
  const command = program.command("version").description("say which Quorate this is, and on which Node it runs");
  addOutputOption(command).action(({ output }: { output: OutputFormat }) => {
    if (output === "json") {
      writeJson(context.stdout, { schema: "quorate.version/1", version: context.version, node: context.nodeVersion });
    } else {
      writeLines(context.stdout, `quorate ${context.version} (Node ${context.nodeVersion})`);
    }
  });
}
