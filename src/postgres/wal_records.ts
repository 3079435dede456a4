import type { Lsn } from "../core/log/lsn.js";
import { crc32c } from "./crc32c.js";

/*
 * Enough of the WAL format (access/xlogrecord.h, access/xlog_internal.h) to walk records and trust them.
 * Page: magic u16, info u16, timeline u32, address u64, bytes left of a record from the page before u32, padding;
 *   the first page of a segment goes on with system identifier u64, segment size u32, page size u32.
 * Record: length u32, xid u32, address of the record before u64, info u8, resource manager u8, padding, CRC u32.
 */
const PAGE_BYTES = 8192;
const PAGE_HEADER_BYTES = 24;
const PAGE_HEADER_LONG_BYTES = 40;
const PAGE_INFO_CONTINUES = 0x0001;
const PAGE_INFO_LONG = 0x0002;
const RECORD_HEADER_BYTES = 24;
const RECORD_CRC_OFFSET = 20;
const RMGR_XLOG = 0;
const INFO_SWITCH = 0x40;
const INFO_MASK = 0xf0;

/** Some WAL from the beginning of a segment on, as one piece. */
export interface WalSlice {
  readonly bytes: Buffer;
  /** Where the slice begins: the first byte of a segment. */
  readonly start: Lsn;
  readonly segmentBytes: number;
}

interface Page {
  readonly headerBytes: number;
  readonly continues: boolean;
  readonly remainingBytes: number;
}

interface WalRecord {
  /** Where its header stands, behind a page header if it is the first of a page. */
  readonly at: number;
  readonly previous: Lsn;
  /** Offset of the record after it (before a page header). */
  readonly end: number;
}

/**
 * Whether the slice holds unbroken records up to `lsn`, and one more that begins there. All records before it in the
 * segment are checked too: a receiver that was interrupted, or a recycled file, may hold a valid record behind a hole.
 */
export function holdsRecordAt(slice: WalSlice, lsn: Lsn): boolean {
  const target = Number(lsn - slice.start);
  let offset = target === 0 ? 0 : firstRecord(slice);
  let last: WalRecord | null = null;
  while (offset !== null && offset < target) {
    const record: WalRecord | null = readRecord(slice, offset);
    if (record === null || !follows(slice, record, last)) return false;
    last = record;
    offset = record.end;
  }
  if (offset !== target) return false;
  const record = readRecord(slice, target);
  return record !== null && follows(slice, record, last);
}

/** A record names the one before it; the first of the slice can only be held against its own address. */
function follows(slice: WalSlice, record: WalRecord, last: WalRecord | null): boolean {
  return last === null
    ? record.previous < slice.start + BigInt(record.at)
    : record.previous === slice.start + BigInt(last.at);
}

function readPage(slice: WalSlice, offset: number): Page | null {
  const { bytes, start } = slice;
  if (offset + PAGE_HEADER_LONG_BYTES > bytes.length) return null;
  // The address tells a page of this segment from one that a recycled file still holds from its former life.
  if (bytes.readUInt16LE(offset) !== bytes.readUInt16LE(0) || bytes.readUInt16LE(0) === 0) return null;
  if (bytes.readBigUInt64LE(offset + 8) !== start + BigInt(offset)) return null;
  const info = bytes.readUInt16LE(offset + 2);
  const long = (info & PAGE_INFO_LONG) !== 0;
  if (long !== (offset % slice.segmentBytes === 0)) return null;
  return {
    headerBytes: long ? PAGE_HEADER_LONG_BYTES : PAGE_HEADER_BYTES,
    continues: (info & PAGE_INFO_CONTINUES) !== 0,
    remainingBytes: bytes.readUInt32LE(offset + 16),
  };
}

/** Offset of the first record that begins in the slice; null if there is none. */
function firstRecord(slice: WalSlice): number | null {
  for (let pageAt = 0; pageAt < slice.bytes.length; pageAt += PAGE_BYTES) {
    const page = readPage(slice, pageAt);
    if (page === null) return null;
    if (!page.continues) return pageAt + page.headerBytes;
    const end = pageAt + page.headerBytes + align(page.remainingBytes);
    if (end <= pageAt + PAGE_BYTES) return end;
  }
  return null;
}

/** The record that begins at the offset (or behind the page header there), if all of it is there and its CRC is right. */
function readRecord(slice: WalSlice, offset: number): WalRecord | null {
  let pageAt = offset - (offset % PAGE_BYTES);
  const first = readPage(slice, pageAt);
  if (first === null) return null;
  const at = offset === pageAt ? pageAt + first.headerBytes : offset;
  if (at + 4 > slice.bytes.length) return null;
  const length = slice.bytes.readUInt32LE(at);
  if (length < RECORD_HEADER_BYTES || at + length > slice.bytes.length) return null;
  const parts: Buffer[] = [];
  let from = at;
  let missing = length;
  for (;;) {
    const taken = Math.min(missing, pageAt + PAGE_BYTES - from);
    parts.push(slice.bytes.subarray(from, from + taken));
    missing -= taken;
    from += taken;
    if (missing === 0) break;
    pageAt += PAGE_BYTES;
    const page = readPage(slice, pageAt);
    if (page === null || !page.continues || page.remainingBytes !== missing) return null;
    from = pageAt + page.headerBytes;
  }
  const record = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  if (record.length !== length || !checksumHolds(record)) return null;
  return { at, previous: record.readBigUInt64LE(8), end: endOf(slice, record, from) };
}

function checksumHolds(record: Buffer): boolean {
  const data = crc32c(record.subarray(RECORD_HEADER_BYTES));
  return crc32c(record.subarray(0, RECORD_CRC_OFFSET), data) === record.readUInt32LE(RECORD_CRC_OFFSET);
}

/** A segment switch fills the rest of its segment. */
function endOf(slice: WalSlice, record: Buffer, from: number): number {
  const isSwitch = record.readUInt8(17) === RMGR_XLOG && (record.readUInt8(16) & INFO_MASK) === INFO_SWITCH;
  return isSwitch ? Math.ceil(from / slice.segmentBytes) * slice.segmentBytes : align(from);
}

function align(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
