// The npm packages that `conformance engines install javascript` put into a folder of the user's; LSTM_JAVASCRIPT names it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const folder = process.env.LSTM_JAVASCRIPT ?? dirname(fileURLToPath(import.meta.url));
const { resolve } = createRequire(join(folder, "package.json"));

/** A package as `import` gives it. */
export const load = (name) => import(pathToFileURL(resolve(name)));

/** The folder of an installed package. */
export const folderOf = (name) => join(folder, "node_modules", name);

/** The version of an installed package. */
export const versionOf = (name) => JSON.parse(readFileSync(join(folderOf(name), "package.json"))).version;

/** What a harness answers to --describe: the file NAME.json beside it. */
export const description = (name) => JSON.parse(readFileSync(new URL(`./${name}.json`, import.meta.url)));
