/** Keys whose values never reach a log. A name that only mentions a secret (`password_file`) is no secret. */
const SECRET_KEY = /^(.*[_-])?(password|passwd|secret|passphrase|pgpassword)$|password$/i;
/** The password inside a connection URI, and inside a libpq connection string. */
const URI_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s@]+@/gi;
const CONNINFO_PASSWORD = /(\bpassword\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)/gi;
const SQL_PASSWORD = /(\bpassword\s+)('(?:[^']|'')*')/gi;

export const HIDDEN = "[hidden]";
const DEPTH_MAX = 8;

export function redactText(text: string): string {
  return text
    .replace(URI_PASSWORD, `$1${HIDDEN}@`)
    .replace(CONNINFO_PASSWORD, `$1${HIDDEN}`)
    .replace(SQL_PASSWORD, `$1${HIDDEN}`);
}

/** A copy that can be printed as JSON: no secrets, bigints as text, errors as what they say. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (depth >= DEPTH_MAX) return "[too deep]";
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  if (value instanceof Map) return redact(Object.fromEntries(value), depth);
  if (value instanceof Set) return redact([...value], depth);
  const entries = Object.entries(value).map(([key, item]) => [
    key,
    SECRET_KEY.test(key) && item !== null && item !== undefined ? HIDDEN : redact(item, depth + 1),
  ]);
  if (!(value instanceof Error)) return Object.fromEntries(entries);
  // What an error says is not enumerable.
  const { name, message, stack, cause } = value;
  const said = { name, message: redactText(message), stack: redactText(stack ?? ""), ...Object.fromEntries(entries) };
  return cause === undefined ? said : { ...said, cause: redact(cause, depth + 1) };
}
