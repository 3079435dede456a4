import { TarDamaged } from "./tar.js";

/** One CopyData message of BASE_BACKUP. https://www.postgresql.org/docs/current/protocol-replication.html */
export type BackupMessage =
  | { readonly kind: "archive"; readonly name: string; readonly tablespacePath: string }
  | { readonly kind: "manifest" }
  /** A view into the parser's buffer: good until the handler returns. */
  | { readonly kind: "data"; readonly bytes: Buffer }
  | { readonly kind: "progress"; readonly bytes: bigint };

const ARCHIVE = 0x6e;
const MANIFEST = 0x6d;
const DATA = 0x64;
const PROGRESS = 0x70;

export function parseBackupMessage(bytes: Buffer): BackupMessage {
  const body = bytes.subarray(1);
  switch (bytes[0]) {
    case ARCHIVE: {
      const nameEnd = body.indexOf(0);
      const pathEnd = body.indexOf(0, nameEnd + 1);
      if (nameEnd < 0 || pathEnd < 0) throw new TarDamaged("an archive without a name");
      return {
        kind: "archive",
        name: body.toString("utf8", 0, nameEnd),
        tablespacePath: body.toString("utf8", nameEnd + 1, pathEnd),
      };
    }
    case MANIFEST:
      return { kind: "manifest" };
    case DATA:
      return { kind: "data", bytes: body };
    case PROGRESS:
      if (body.length !== 8) throw new TarDamaged(`a progress message of ${body.length} bytes`);
      return { kind: "progress", bytes: body.readBigInt64BE(0) };
    default:
      throw new TarDamaged(`unknown message ${bytes[0] ?? "without a type"} in a base backup`);
  }
}
