// TensorFlow.js 4.22.0: y at the masked steps before the first step of a row is the initial h, where Keras gives zeros.
//
//     npm install @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0 @tensorflow/tfjs-layers@4.22.0
//     node tfjs_masked_start.mjs
import assert from "node:assert/strict";
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { layers } from "@tensorflow/tfjs-layers";

const lstm = layers.lstm({ units: 2, returnSequences: true, kernelInitializer: "ones", recurrentInitializer: "ones" });
const mask = tf.tensor2d([[0, 0, 1]], [1, 3], "bool");
const initialState = [tf.tensor2d([[0.75, -0.5]]), tf.tensor2d([[0.25, 1]])];
const y = Array.from(lstm.apply(tf.tensor3d([[[1], [2], [3]]]), { mask, initialState }).dataSync());
console.log("y of three steps, the first two of them masked, after h = 0.75, -0.5:", y);
assert.deepEqual(y.slice(0, 4), [0.75, -0.5, 0.75, -0.5]);
