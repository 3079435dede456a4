import { replay } from "./replay.js";

/** `npm run -s sim:replay -- FILE...` */
process.exitCode = await replay(process.argv.slice(2));
