// TensorFlow.js 4.22.0 on WebAssembly: relu of a NaN whose sign bit is set is 0. On its CPU backend it is NaN.
//
//     npm install @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
//     node tfjs_wasm_relu_of_nan.mjs
import assert from "node:assert/strict";
import "@tensorflow/tfjs-backend-cpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";

setWasmPaths("node_modules/@tensorflow/tfjs-backend-wasm/dist/");
const nans = new Float32Array(Uint32Array.of(0x7fc00000, 0xffc00000).buffer); // without and with the sign
const found = {};
for (const backend of ["cpu", "wasm"]) {
  await tf.setBackend(backend);
  found[backend] = Array.from(tf.relu(tf.tensor1d(nans)).dataSync());
}
console.log("relu of NaN and of -NaN:", found);
assert.deepEqual(found, { cpu: [NaN, NaN], wasm: [NaN, 0] });
process.exit(0); // the threads of WebAssembly do not keep it alive
