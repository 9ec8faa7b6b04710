// onnxruntime-web's WebNN provider: https://onnxruntime.ai/docs/tutorials/web/ep-webnn.html
//
// WebNN's graphs have fixed sizes, so there is a session for each T and B. Nothing may fall back to WebAssembly unnoticed.
import { run } from "/onnx.mjs";
import * as ort from "/npm/onnxruntime-web/dist/ort.min.mjs";
import { contextOf, demandSizes, unsupported } from "./bridge.mjs";

let provider;

async function sessionOf(model, [T, B]) {
  demandSizes([T, B]);
  const options = {
    executionProviders: [provider], freeDimensionOverrides: { T, B }, logSeverityLevel: 4,
    extra: { session: { disable_cpu_ep_fallback: "1" } },
  };
  return ort.InferenceSession.create(model.data, options).catch((error) => {
    throw /assigned to the default CPU EP/.test(error.message) ? unsupported(error.message) : error;
  });
}

export default {
  async start(device) {
    ort.env.wasm.wasmPaths = "/npm/onnxruntime-web/dist/";
    ort.env.wasm.numThreads = 1;
    provider = { name: "webnn", deviceType: device, context: await contextOf(device) };
    return { versions: { "onnxruntime-web": ort.env.versions.web }, settings: { "webnn.device": device } };
  },
  prepare(kase, { model }) {
    const sessions = new Map();
    return {
      async call(given) {
        const sizes = kase.layout === "batch_major" ? given.x.shape.slice(0, 2).reverse() : given.x.shape.slice(0, 2);
        const key = sizes.join();
        if (!sessions.has(key)) sessions.set(key, await sessionOf(model, sizes));
        return run(ort, sessions.get(key), given);
      },
      drop: () => Promise.all([...sessions.values()].map((session) => session.release())),
    };
  },
};
