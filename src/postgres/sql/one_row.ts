import type { SqlRunner } from "./runner.js";

/** For statements that always answer with exactly one row. */
export async function oneRow<Row extends Record<string, unknown>>(
  session: SqlRunner,
  text: string,
  values?: readonly unknown[],
): Promise<Row> {
  const rows = await session.query<Row>(text, values);
  const row = rows[0];
  if (row === undefined || rows.length !== 1)
    throw new Error(`expected one row, got ${rows.length}, from: ${text.trim()}`);
  return row;
}
