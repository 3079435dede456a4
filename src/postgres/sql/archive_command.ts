/** What Postgres archives with now, where `archive_mode` is on; else nothing. */
export const ARCHIVE_COMMAND = "SELECT setting AS archive_command FROM pg_settings WHERE name = 'archive_command'";

export type ArchiveCommandRow = {
  readonly archive_command: string;
};
