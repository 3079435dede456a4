import picocolors from "picocolors";

export type Paint = ReturnType<typeof picocolors.createColors>;

/** Colours only where a person sees them, and where nobody asked for none (https://no-color.org). */
export function paintFor(env: Readonly<Record<string, string | undefined>>, isTty: boolean): Paint {
  return picocolors.createColors(isTty && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb");
}
