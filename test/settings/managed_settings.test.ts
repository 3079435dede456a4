import { describe, expect, test } from "vitest";
import { refuseSetting } from "../../src/settings/managed_settings.js";

describe("settings of Postgres", () => {
  test.each([
    ["synchronous_standby_names", "*", /durability policy/],
    ["primary_conninfo", "", /which leader/],
    ["hba_file", "/x", /postgres.hba/],
    ["port", "1", /use `postgres.port`/],
    ["restore_command", "cp", /way round a revocation/],
    ["archive_mode", "always", /only an established leader/],
    ["archive_library", "basic_archive", /archive_command/],
    ["recovery_target_lsn", "0/1", /never to a target/],
    ["recovery_target_timeline", "3", /leader's term/],
    ["fsync", "off", /on no disk/],
    ["full_page_writes", "off", /torn page/],
    ["synchronous_commit", "local", /no quorum has; use on or remote_apply/],
    ["synchronous_commit", "off", /no quorum has/],
    ["wal_level", "minimal", /cannot feed a follower/],
    ["max_wal_senders", "2", /too few .* use 7 or more/],
    ["max_replication_slots", "many", /too few/],
    ["Work_Mem", "8MB", /lower case; write work_mem/],
    ["work_mem; drop", "1", /not a name/],
    ["zero_damaged_pages", "on", /lost rows/],
    ["wal_keep_size", "0", /keeps enough WAL/],
    ["work_mem", "8\0MB", /one line/],
    ["search_path", "a\nb", /one line/],
  ])("%s = %s is refused with the reason", (name, value, reason) => {
    const refusal = refuseSetting(name, value, 7);
    expect(refusal).toMatch(reason);
    expect(refusal).toMatch(/; \S/);
  });

  test.each([
    ["work_mem", "8MB"],
    ["synchronous_commit", "remote_apply"],
    ["synchronous_commit", "on"],
    ["fsync", "on"],
    ["wal_level", "logical"],
    ["max_wal_senders", "7"],
    ["auto_explain.log_min_duration", "1s"],
    ["constructor", "x"],
  ])("%s = %s is passed on", (name, value) => {
    expect(refuseSetting(name, value, 7)).toBeUndefined();
  });
});
