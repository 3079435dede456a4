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
  /** A script of test/datadriven that is known to kill it: the unit tests hold it to that. */
  readonly script?: string;
}
