// TensorFlow.js 4.22.0 selects between the new and the old state by multiplying with the mask and with 1 - mask, so that a
// NaN in a step that is masked reaches the states and every later y.
//
//     npm install @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0 @tensorflow/tfjs-layers@4.22.0
//     node tfjs_nan_in_masked_steps.mjs
import assert from "node:assert/strict";
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { layers } from "@tensorflow/tfjs-layers";

const lstm = layers.lstm({ units: 2, returnSequences: true, returnState: true, kernelInitializer: "ones", recurrentInitializer: "ones" });
const mask = tf.tensor2d([[1, 0, 1]], [1, 3], "bool");
const answers = [0, NaN].map((masked) => {
  const found = lstm.apply(tf.tensor3d([[[0.5], [masked], [0.25]]]), { mask });
  return found.map((tensor) => Array.from(tensor.dataSync()));
});
console.log("y, h, c with 0 in the masked step:", answers[0]);
console.log("y, h, c with NaN in the masked step:", answers[1]);
assert(answers[0].flat().every(Number.isFinite));
const [y, h, c] = answers[1];
assert.deepEqual(y.slice(0, 2), answers[0][0].slice(0, 2)); // the step before it
assert([...y.slice(2), ...h, ...c].every(Number.isNaN)); // what Keras leaves as it was
