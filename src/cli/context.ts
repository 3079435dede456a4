import type { Command } from "commander";
import type { ExitCode } from "./exit_codes.js";

export interface Output {
  write(text: string): unknown;
}

/** The world of a command, so that a test can run it without a process. */
export interface CliContext {
  readonly stdout: Output;
  /** Progress, logs and errors: with `-o json` stdout carries JSON only. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Names and addresses of this host, to find out which node it is. */
  readonly hosts: readonly string[];
  /** Of Quorate itself. */
  readonly version: string;
  readonly nodeVersion: string;
  /** What the process will exit with; the last call wins. Without a call it is 0. */
  exitWith(code: ExitCode): void;
}

/** Each file of `commands/` exports one; main.ts hands in those that need adapters. */
export type RegisterCommand = (program: Command, context: CliContext) => void;

/** Ends a command with a message for people and an exit code for scripts. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
  readonly code: ExitCode;

  constructor(code: ExitCode, message: string) {
    super(message);
    this.code = code;
  }
}
