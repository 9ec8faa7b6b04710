// The end of chromium.mjs in the page: window.ask hands a request to an engine; what it throws becomes part of the answer.
import { decode, encode } from "/safetensors.mjs";

const MOST_STEPS = 512; // a limit of time, not of WebNN's: docs/engines.md

/** What an engine of a page throws; chromium.mjs throws it again in Node. */
export class Refusal extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}
export const unsupported = (message) => new Refusal("unsupported", message);
export const unavailable = (message) => new Refusal("unavailable", message);

export async function build(name) {
  const { default: engine } = await import(`/page/${name}.mjs`);
  const models = new Map(), tensorsOf = (text) => decode(Uint8Array.fromBase64(text));
  const answers = {
    start: (device) => engine.start(device),
    prepare: async (handle, kase, text) => void models.set(handle, await engine.prepare(kase, tensorsOf(text))),
    call: async (handle, text) => encode(await models.get(handle).call(tensorsOf(text))).toBase64(),
    drop: async (handle) => {
      await models.get(handle)?.drop?.();
      models.delete(handle);
    },
  };
  window.ask = async (op, ...values) => {
    try {
      return { found: await answers[op](...values) };
    } catch (error) {
      return { [error instanceof Refusal ? error.kind : "error"]: String(error?.message ?? error) };
    }
  };
}

/** A context of WebNN on a device; the harness ends if it gets lost, which is a crash of the browser's process for it. */
export async function contextOf(device) {
  if (!navigator.ml) throw unavailable("this browser has no WebNN");
  const context = await navigator.ml.createContext({ deviceType: device }).catch((error) => {
    throw unavailable(`WebNN has no ${device} here: ${error.message}`);
  });
  context.lost.then(({ message }) => window.died(`WebNN's context is lost: ${message}`));
  return context;
}

/** Refuses x (T, B, I) of a call for which no graph can be made, or not in minutes: T steps become T copies of a cell. */
export function demandSizes([T, B]) {
  if (!T || !B) throw unsupported("WebNN has no tensors without elements");
  if (T > MOST_STEPS) throw unsupported(`building a graph of more than ${MOST_STEPS} steps takes Chromium minutes`);
}
