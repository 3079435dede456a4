/** The three places of a swap; all on one filesystem. */
export interface SwapPlaces {
  readonly dataDir: string;
  /** A complete clone (its marker says so). */
  readonly cloneDir: string;
  /** Where the old data goes; must not exist. */
  readonly oldDir: string;
}

/** Refused or contradictory; nothing was deleted. */
export class SwapRefused extends Error {
  override readonly name = "SwapRefused";
}

/** Puts the clone in the place of the data, which is kept in `oldDir`. Both Postgres must be stopped. */
export async function swap(_places: SwapPlaces): Promise<void> {
  throw new Error("not built yet");
}

/** To be called before anything else looks at `dataDir`: finishes a swap that a crash cut in two. */
export async function finishSwap(_dataDir: string): Promise<"nothing_to_do" | "finished"> {
  throw new Error("not built yet");
}

/** Deletes the replaced data, when told to: refused while a swap is pending or if `oldDir` was not put there by one. */
export async function discardOld(_places: Pick<SwapPlaces, "dataDir" | "oldDir">): Promise<void> {
  throw new Error("not built yet");
}
