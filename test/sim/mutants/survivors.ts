/** Mutants that nothing kills, with the argument why that is right: the guard is kept for another reason, or is one of two. */
export const SURVIVORS: Readonly<Record<string, string>> = {};
