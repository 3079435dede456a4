/** Where Postgres listens; a host that starts with `/` is a socket directory, as in libpq. */
export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
}

/**
 * What Postgres says to a stranger: `shut` = refused by the hba file (28000), `open` = asked for a password.
 * `unknown` is neither (starting, too many connections, no answer), with the reason.
 */
export type ProbeAnswer =
  | { readonly kind: "shut" }
  | { readonly kind: "open" }
  | { readonly kind: "unknown"; readonly reason: string };

/** The role of the probe; it never exists. */
export const PROBE_ROLE = "quorate_probe";

export async function probe(_target: ProbeTarget, _timeoutMs: number): Promise<ProbeAnswer> {
  throw new Error("not built yet");
}
