// onnxruntime-node, and onnxruntime-web on WebAssembly in Node: node onnxruntime.mjs NAME
import { serve, Unsupported } from "./harness.mjs";
import { run } from "./onnx.mjs";
import { description, load } from "./packages.mjs";

const LACKING = /NOT_IMPLEMENTED|Batchwise recurrent operations \(layout == 1\) are not supported/;
const name = process.argv[2];
const PROVIDER = name === "onnxruntime-web" ? "wasm" : "cpu";
let ort;

await serve(description(name), {
  async start() {
    ort = await load(name);
    const version = ort.env.versions[name.split("-")[1]];
    return { versions: { [name]: version, onnxruntime: version }, settings: { "onnxruntime.provider": PROVIDER } };
  },
  async prepare(_, { model }) {
    const session = await ort.InferenceSession.create(model.data, { executionProviders: [PROVIDER], logSeverityLevel: 4 }).catch((error) => {
      throw LACKING.test(error.message) ? new Unsupported(`${name}: ${error.message}`) : error;
    });
    return { call: (given) => run(ort, session, given), drop: () => session.release() };
  },
});
