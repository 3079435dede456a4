const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface Interruption {
  /** Aborts at the first signal; everything that waits in the demo waits with it. */
  readonly signal: AbortSignal;
  /** Back to the default: a signal ends the process at once. */
  release(): void;
}

/**
 * Turns Ctrl-C, a SIGTERM or a terminal that was closed into an abort, so that whoever started processes can end
 * them. Further signals are heard and change nothing: the cleaning up is under way and has deadlines of its own.
 */
export function catchInterruption(announce: (name: string, first: boolean) => void): Interruption {
  const controller = new AbortController();
  const heard = (name: NodeJS.Signals) => {
    const first = !controller.signal.aborted;
    controller.abort(new Error(`interrupted by ${name}`));
    announce(name, first);
  };
  // A closed terminal also makes every later write fail; that must not stop the cleaning up.
  const ignore = () => undefined;
  for (const name of SIGNALS) process.on(name, heard);
  process.stderr.on("error", ignore);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of SIGNALS) process.off(name, heard);
      process.stderr.off("error", ignore);
    },
  };
}
