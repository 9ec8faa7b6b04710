// onnxruntime-node, and onnxruntime-web on WebAssembly in Node: node onnxruntime.mjs NAME
import { serve, Unsupported } from "./harness.mjs";
import { run } from "./onnx.mjs";
import { description, load } from "./packages.mjs";

const LACKING = /NOT_IMPLEMENTED|Batchwise recurrent operations \(layout == 1\) are not supported/;
const name = process.argv[2];
const PROVIDER = name === "onnxruntime-web" ? "wasm" : "cpu";
const SPINNING = "0"; // else threads that wait for the next request take the cores of the processes that make it
const OPTIONS = {
  executionProviders: [PROVIDER], logSeverityLevel: 4, extra: { session: { intra_op: { allow_spinning: SPINNING } } },
};
let ort;

await serve(description(name), {
  async start() {
    ort = await load(name);
    const version = ort.env.versions[name.split("-")[1]];
    const settings = { "onnxruntime.provider": PROVIDER, "onnxruntime.allow_spinning": SPINNING };
    return { versions: { [name]: version, onnxruntime: version }, settings };
  },
  async prepare(_, { model }) {
    const session = await ort.InferenceSession.create(model.data, OPTIONS).catch((error) => {
      throw LACKING.test(error.message) ? new Unsupported(`${name}: ${error.message}`) : error;
    });
    return { call: (given) => run(ort, session, given), drop: () => session.release() };
  },
});
