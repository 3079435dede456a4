/**
 * Writes and flushes a record without waiting for any standby. One statement, so that nothing else on the session gets
 * between: the setting lasts until its own commit, and the commit flushes because the message has a transaction id.
 */
export const WAL_MARK = `
  select pg_logical_emit_message(set_config('synchronous_commit', 'local', true) = 'local', 'quorate', 'mark')`;
