// An engine in a page of Chromium with WebNN. @sparticuz/chromium brings a build that has WebNN's TensorFlow Lite backend.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Unavailable, Unsupported } from "./harness.mjs";
import { folderOf, load } from "./packages.mjs";
import { decode, encode } from "./safetensors.mjs";

const ORIGIN = "https://localhost"; // WebNN needs a secure context; every request is answered here, none leaves
const TYPES = { ".html": "text/html", ".mjs": "text/javascript", ".wasm": "application/wasm" };
const HERE = dirname(fileURLToPath(import.meta.url));

/** The browser's path; it and the software renderer that it needs are unpacked beside its package the first time. */
async function executable() {
  const folder = join(folderOf("@sparticuz/chromium"), "unpacked");
  if (!existsSync(folder)) {
    const part = `${folder}.${process.pid}`; // another worker may be at it too
    const { TMPDIR } = process.env;
    mkdirSync(part);
    process.env.TMPDIR = part; // where the package unpacks
    await (await load("@sparticuz/chromium")).default.executablePath();
    if (TMPDIR) process.env.TMPDIR = TMPDIR;
    else delete process.env.TMPDIR;
    try {
      renameSync(part, folder);
    } catch {
      rmSync(part, { recursive: true });
    }
  }
  return join(folder, "chromium");
}

async function open(died) {
  const { chromium } = (await load("playwright-core")).default;
  const args = ["--enable-features=WebMachineLearningNeuralNetwork"];
  const browser = await chromium.launch({ executablePath: await executable(), args }).catch((error) => {
    throw new Unavailable(`Chromium does not start: ${error.message}`);
  });
  const page = await browser.newPage();
  page.on("console", (message) => console.error(message.text()));
  page.on("crash", () => died("the page crashed"));
  browser.on("disconnected", () => died("the browser ended"));
  await page.exposeFunction("died", died);
  await page.route("**", (route) => {
    const { pathname } = new URL(route.request().url());
    const path = pathname.startsWith("/npm/") ? folderOf(pathname.slice(5)) : join(HERE, pathname);
    if (pathname === "/") return route.fulfill({ contentType: TYPES[".html"], body: "<!doctype html>" });
    return route.fulfill({ contentType: TYPES[extname(path)], body: readFileSync(path) });
  });
  await page.goto(`${ORIGIN}/`);
  return { browser, page };
}

/** An engine for `serve` that hands everything on to one in a page: page/NAME.mjs, with the same functions. */
export function inPage(name) {
  let browser, page, handles = 0, stopping = false;
  const died = (what) => {
    if (stopping) return;
    console.error(what);
    process.exit(1);
  };
  const ask = async (op, ...values) => {
    const answer = await page.evaluate(([op, values]) => window.ask(op, ...values), [op, values]);
    if ("unsupported" in answer) throw new Unsupported(answer.unsupported);
    if ("unavailable" in answer) throw new Unavailable(answer.unavailable);
    if ("error" in answer) throw new Error(answer.error);
    return answer.found;
  };
  const sent = (tensors) => Buffer.from(encode(tensors)).toString("base64");
  return {
    async start(device) {
      ({ browser, page } = await open(died));
      await page.evaluate(async (name) => (await import("/page/bridge.mjs")).build(name), name);
      const { versions, settings } = await ask("start", device);
      return { versions: { ...versions, chromium: browser.version() }, settings };
    },
    async prepare(kase, tensors) {
      const handle = handles++;
      await ask("prepare", handle, kase, sent(tensors));
      return {
        call: async (given) => decode(Buffer.from(await ask("call", handle, sent(given)), "base64")),
        drop: () => ask("drop", handle),
      };
    },
    async stop() {
      stopping = true;
      await browser?.close();
    },
  };
}
