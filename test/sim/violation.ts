/** An invariant was broken: ends the run, with what is known at that moment. */
export class Violation extends Error {
  override readonly name = "Violation";

  constructor(
    readonly invariant: string,
    readonly what: string,
    readonly atUs: number,
  ) {
    super(`${invariant}: ${what}`);
  }
}
