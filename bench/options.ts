import { parseArgs } from "node:util";

/** A flag was wrong: exit code 64. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export type Flags = Readonly<Record<string, string>>;

/** Every flag takes a value; an unknown one is refused rather than ignored. */
export function readFlags(argv: readonly string[], defaults: Flags): Flags {
  const names = Object.keys(defaults);
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { ...options, output: { type: "string", short: "o" } },
      strict: true,
      allowPositionals: false,
    });
    const output = values.output ?? "text";
    if (output !== "text" && output !== "json") throw new Error(`-o ${String(output)}: write text or json`);
    const given = Object.entries(values).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : []));
    return { ...defaults, output, ...Object.fromEntries(given) };
  } catch (error) {
    const known = names.map((name) => `--${name} ${defaults[name] === "" ? "VALUE" : defaults[name]}`).join(" ");
    throw new UsageError(`${(error as Error).message}; known: ${known} -o json`);
  }
}

export function flag(flags: Flags, name: string): string {
  return flags[name] ?? "";
}

export function wholeNumber(flags: Flags, name: string, least: number): number {
  const value = Number(flag(flags, name));
  if (Number.isInteger(value) && value >= least) return value;
  throw new UsageError(`--${name} ${flag(flags, name)}: write a whole number from ${least} on`);
}

export function wholeNumbers(flags: Flags, name: string): readonly number[] {
  return flag(flags, name)
    .split(",")
    .map((text) => {
      const value = Number(text);
      if (Number.isInteger(value) && value > 0) return value;
      throw new UsageError(`--${name} ${flag(flags, name)}: write whole numbers with commas between them`);
    });
}

/** `1ms` or `1`; 0 if empty. */
export function milliseconds(flags: Flags, name: string): number {
  const text = flag(flags, name);
  const value = text === "" ? 0 : Number(text.replace(/ms$/, ""));
  if (Number.isFinite(value) && value >= 0) return value;
  throw new UsageError(`--${name} ${text}: write it like 1ms`);
}
