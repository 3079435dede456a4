import type { Session } from "../session.js";

/** Runs SQL: our own session, or anything in a test that answers like it. */
export type SqlRunner = Pick<Session, "query">;
