/** What the exit code of a command says; scripts rely on these numbers. */
export const EXIT = {
  done: 0,
  /** The message says what changed before it failed. */
  failed: 1,
  nobodyAnswered: 3,
  /** Would not be safe now; the message names the missing nodes. */
  refused: 4,
  usage: 64,
  configuration: 78,
  interrupted: 130,
} as const;

/** `quorate status` speaks the language of monitoring systems instead. */
export const STATUS_EXIT = { healthy: 0, degraded: 1, noLeader: 2, unreachable: 3 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT] | (typeof STATUS_EXIT)[keyof typeof STATUS_EXIT];
