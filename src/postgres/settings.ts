export interface CommandLineOptions {
  /** Postgres' major version. */
  readonly major: number;
  readonly port: number;
  readonly listenAddresses: readonly string[];
  readonly socketDir: string;
  readonly hbaFile: string;
  /** The user's own settings; a managed name among them is ignored here (refuse it earlier with `managedReason`). */
  readonly userSettings?: Readonly<Record<string, string>>;
  /** Smaller buffers for a demo on one machine; never less durable. */
  readonly fast?: boolean;
  readonly platform?: NodeJS.Platform;
}

/** The `-c name=value` arguments of Postgres, without `-D`. */
export function commandLine(_options: CommandLineOptions): string[] {
  throw new Error("not built yet");
}

/** Why the user may not set this name (with what to do instead), or undefined if it is free. */
export function managedReason(_name: string): string | undefined {
  throw new Error("not built yet");
}

/** synchronous_standby_names that no follower ever satisfies: never empty, from the first start on (POSTGRES.md trap 16). */
export const NAMES_NOBODY = 'ANY 1 ("quorate_nobody")';
