import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit } from "yaml";
import type { Problem } from "./problems.js";

export type Path = readonly (string | number)[];

/** A file of more than this is no configuration but something given by mistake. */
const BYTES_MAX = 1_000_000;

const WHAT_TO_DO: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: "keep one of them",
  TAB_AS_INDENT: "indent with spaces",
  BAD_INDENT: "line the keys up with their neighbours",
  MULTIPLE_DOCS: "keep one document: remove everything from the second `---` on",
  MISSING_CHAR: "close the bracket or quote that was opened",
  BLOCK_AS_IMPLICIT_KEY: "put the nested keys on lines of their own",
  MULTILINE_IMPLICIT_KEY: "put a space after the colon, as in `key: value`",
  UNEXPECTED_TOKEN: "look for a bracket, quote or colon too many or too few, here or just before",
};

/** In our words where the library's are meant for programmers. */
const WHAT_IS_WRONG: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: "the same key twice",
  MULTIPLE_DOCS: "more than one YAML document in the file",
};

/** The text of a configuration, read as YAML, that still knows where each key was written. */
export class ConfigSource {
  readonly file: string;
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();

  constructor(file: string, text: string) {
    this.file = file;
    this.#document = parseDocument(text.slice(0, BYTES_MAX), { lineCounter: this.#lines, prettyErrors: false });
  }

  /** What is wrong with the YAML itself. With any of these the values below it mean nothing. */
  syntaxProblems(): readonly Problem[] {
    const errors = [...this.#document.errors, ...this.#document.warnings];
    // One bracket too many makes everything behind it unexpected: the first place is the one to look at.
    const strays = errors.filter(({ code }) => code === "UNEXPECTED_TOKEN").sort((a, b) => a.pos[0] - b.pos[0]);
    const shown = errors.filter((error) => error.code !== "UNEXPECTED_TOKEN" || error === strays[0]);
    const problems = shown.map((error) => {
      const what = WHAT_IS_WRONG[error.code] ?? `YAML: ${error.message}`;
      const more = error === strays[0] && strays.length > 1 ? ` (and ${strays.length - 1} more behind it)` : "";
      const todo = WHAT_TO_DO[error.code] ?? "correct the syntax at this place";
      return this.#at(error.pos[0], "", `${what}${more}; ${todo}`);
    });
    return [...problems, ...this.#unknownAliases()];
  }

  /** The library would name the alias, but not its place. */
  #unknownAliases(): readonly Problem[] {
    const anchors = new Set<string>();
    const problems: Problem[] = [];
    visit(this.#document, {
      Node: (_, node) => {
        if (isAlias(node)) {
          if (anchors.has(node.source)) return;
          const message = `YAML: the alias *${node.source} refers to nothing above it; write the value out, put it in quotes if it is a text, or define &${node.source} first`;
          problems.push(this.#at(node.range?.[0] ?? 0, "", message));
        } else if (node.anchor !== undefined) anchors.add(node.anchor);
      },
    });
    return problems;
  }

  /**
   * The plain value of the whole file.
   * @throws ReferenceError for aliases that point nowhere or multiply without bound.
   */
  value(): unknown {
    return this.#document.toJS({ maxAliasCount: 50 });
  }

  has(path: Path): boolean {
    return path.length === 0 || this.#find(path) !== undefined;
  }

  /** A problem with the key at `path`, placed at the key, or at its nearest ancestor that was written. */
  problem(path: Path, message: string): Problem {
    let offset = 0;
    for (let depth = path.length; depth > 0; depth--) {
      const found = this.#find(path.slice(0, depth));
      if (found === undefined) continue;
      offset = found;
      break;
    }
    return this.#at(offset, path.join("."), message);
  }

  #at(offset: number, path: string, message: string): Problem {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.file, line: Math.max(line, 1), column: Math.max(col, 1), path, message };
  }

  /** Where the key (in a list: the item) at `path` begins; undefined if it was not written. */
  #find(path: Path): number | undefined {
    let node: unknown = this.#document.contents;
    let offset: number | undefined;
    for (const step of path) {
      if (isAlias(node)) node = node.resolve(this.#document);
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
        if (pair === undefined) return undefined;
        offset = isNode(pair.key) ? pair.key.range?.[0] : undefined;
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(step)];
        if (!isNode(node)) return undefined;
        offset = node.range?.[0];
      } else {
        return undefined;
      }
    }
    return offset;
  }
}

/** Where a node's value was written: inside the node, else at the top, else it is a default and the node is the place. */
export function written(source: ConfigSource, id: string, key: Path): Path {
  const inside = ["nodes", id, ...key];
  return source.has(inside) || !source.has(key) ? inside : key;
}
