/**
 * A leader whose host vanished is noticed by the receiver's own timeout too; this is for a connection in its login, which
 * has none. Seconds, and milliseconds for the last. https://www.postgresql.org/docs/current/libpq-connect.html
 */
export const NOTICED_WHEN_GONE = {
  keepalives_idle: "5",
  keepalives_interval: "2",
  keepalives_count: "3",
  tcp_user_timeout: "10000",
};

/** A libpq connection string: values quoted, since a password may hold anything. */
export function conninfo(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key}='${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`)
    .join(" ");
}
