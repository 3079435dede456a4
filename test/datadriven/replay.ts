import { Script } from "./script.js";

/** The script again, with what really follows from each block of commands. */
export function replay(text: string): string {
  const script = new Script();
  const blocks = text.trimEnd().split(/\n{2,}/);
  return `${blocks.map((block) => replayBlock(script, block)).join("\n\n")}\n`;
}

function replayBlock(script: Script, block: string): string {
  const [commands = ""] = block.split(/^----$/m);
  const isComment = commands.split("\n").every((line) => line.startsWith("#") || line === "");
  if (isComment) return block;
  const trace = script.run(commands.trimEnd());
  return `${commands.trimEnd()}\n----\n${trace === "" ? "(nothing)" : trace}`;
}
