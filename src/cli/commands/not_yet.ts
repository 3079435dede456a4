import type { Command } from "commander";
import { type CliContext, CommandFailed } from "../context.js";
import { EXIT } from "../exit_codes.js";

/** Commands of later versions, and what does the job until then. They are refused by name rather than as a typing error. */
const LATER: Readonly<Record<string, string>> = {
  policy: "the policy of the first start stays",
  reinit: "stop the sidecar, remove the node's data_dir and start it again: it comes back by itself",
  init: "`quorate run` on every node founds the cluster once all are there",
  adopt: "start with empty data directories and restore a dump",
};

export function registerNotYet(program: Command, _context: CliContext): void {
  for (const [verb, instead] of Object.entries(LATER)) {
    program
      .command(verb, { hidden: true })
      .argument("[anything...]")
      .allowUnknownOption()
      .helpOption(false)
      .action(() => {
        throw new CommandFailed(EXIT.usage, `quorate ${verb} is not in this version yet; ${instead}`);
      });
  }
}
