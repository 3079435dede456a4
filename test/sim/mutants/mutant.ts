/**
 * One guard of the protocol, broken on purpose. There is no switch for it in `src`: the text is replaced while the file
 * is bundled (substitute.ts), so that what is tested otherwise is what is shipped.
 */
export interface Mutant {
  readonly name: string;
  /** Below the root of the repository. */
  readonly file: string;
  /** Exact text; it must occur in the file exactly once, or the list has rotted. */
  readonly find: string;
  readonly replace: string;
  /** Which sentence of DESIGN, or which hole of TESTING 7, this breaks. */
  readonly why: string;
  /** What a configuration must have to show it, for whoever looks for a killer. */
  readonly hint?: string;
  /** What is known to kill it: a script of test/datadriven, a unit test file, or a reason in survivors.ts. */
  readonly killer: Killer;
}

export type Killer =
  | { readonly script: string }
  /** A unit test file, run by vitest on the mutated source: slow, for pure maths only. */
  | { readonly unit: string }
  /** A search of test/sim/exhaustive, by its scenario. */
  | { readonly search: string }
  /** Only the simulator notices. */
  | { readonly seeds: number }
  /** Nothing does: survivors.md argues why that is right. */
  | { readonly survives: "equivalent" | "redundant" | "liveness" };
