/** What Postgres archives with now, where `archive_mode` is on; else nothing (Postgres would say `(disabled)`). */
export const ARCHIVE_COMMAND = `
SELECT CASE current_setting('archive_mode') WHEN 'off' THEN '' ELSE current_setting('archive_command') END AS archive_command`;

export type ArchiveCommandRow = {
  readonly archive_command: string;
};
