import { assertImportRules } from "./import_rules.js";

/** `npm run check:imports`: exits 1 with every broken rule, or says how many modules it looked at. */
try {
  process.stdout.write(`import rules hold in ${await assertImportRules()} modules\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
