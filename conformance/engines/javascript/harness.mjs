// The harness protocol (docs/harness.md) in Node: `serve` speaks it for an engine.
import { once } from "node:events";
import { decode, encode } from "./safetensors.mjs";

/** What an engine throws where its interface does not take a case: the case is unsupported, not failed. */
export class Unsupported extends Error {}

/** What an engine throws in `start` if it cannot run here. */
export class Unavailable extends Error {}

/**
 * Serves an engine until `stop` or the end of input.
 *
 * description: the object that --describe prints. engine: {start(device), prepare(case, tensors), stop()}, where start
 * gives {versions, settings} and prepare a model: {call(tensors), drop()}, where call gives tensors, all of them as
 * safetensors.mjs has them. Functions may be async; stop and drop may be missing.
 */
export async function serve(description, engine) {
  if (process.argv.includes("--describe")) {
    process.stdout.write(`${JSON.stringify(description)}\n`);
    return;
  }
  const models = new Map();
  const answers = {
    hello: ({ device }) => engine.start(device),
    prepare: async (request, tensors) => {
      models.set(request.handle, await engine.prepare(request.case, tensors));
    },
    call: async ({ handle }, tensors) => {
      if (!models.has(handle)) throw new Error(`there is no layer ${handle}`);
      return { tensors: await models.get(handle).call(tensors) };
    },
    drop: async ({ handle }) => {
      await models.get(handle)?.drop?.();
      models.delete(handle);
    },
    stop: () => {},
  };
  for await (const [request, body] of frames(process.stdin)) {
    const { op, id } = request;
    try {
      const { tensors, ...fields } = (await answers[op](request, decode(body))) ?? {};
      await send({ op: "ok", id, ...fields }, tensors && encode(tensors));
    } catch (error) {
      if (error instanceof Unsupported) await send({ op: "unsupported", id, reason: error.message });
      else if (error instanceof Unavailable) await send({ op: "unavailable", id, reason: error.message });
      else await send({ op: "error", id, text: String(error?.message ?? error), trace: String(error?.stack ?? "") });
    }
    if (op === "stop") break;
  }
  await engine.stop?.();
  process.exit(0); // threads of the engine do not keep it alive
}

/** [header, body] of each frame of a stream: a line of JSON, then as many bytes as it says. */
async function* frames(stream) {
  let held = Buffer.alloc(0);
  const incoming = stream[Symbol.asyncIterator]();
  const demand = async (length) => {
    const parts = [held]; // joined once: a model comes in many pieces
    let there = held.length;
    while (there < length) {
      const { value, done } = await incoming.next();
      if (done) return false;
      there += value.length;
      parts.push(value);
    }
    if (parts.length > 1) held = Buffer.concat(parts, there);
    return true;
  };
  for (;;) {
    let end;
    while ((end = held.indexOf("\n")) < 0) if (!(await demand(held.length + 1))) return;
    const header = JSON.parse(held.toString("utf8", 0, end));
    held = held.subarray(end + 1);
    if (!(await demand(header.bytes))) return;
    yield [header, held.subarray(0, header.bytes)];
    held = held.subarray(header.bytes);
  }
}

async function send(header, body = new Uint8Array()) {
  const { op, id, ...fields } = header;
  const line = `{"op":${JSON.stringify(op)},"id":${id},"bytes":${body.length},${JSON.stringify(fields).slice(1)}`;
  const whole = Buffer.concat([Buffer.from(line.replace(/,}$/, "}") + "\n"), body]);
  if (!process.stdout.write(whole)) await once(process.stdout, "drain");
}
