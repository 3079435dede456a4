/** Whether two lists hold the very same items, in the same order: for those that remember what they were asked. */
export function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
