// TensorFlow.js 4.22.0: tf.unstack, with which an LSTM layer takes its steps apart, has a gradient of two or more of them
// only. The gradient of an input with a single step ends in an error.
//
//     npm install @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0 @tensorflow/tfjs-layers@4.22.0
//     node tfjs_gradient_of_one_step.mjs
import assert from "node:assert/strict";
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { layers } from "@tensorflow/tfjs-layers";

const lstm = layers.lstm({ units: 2, kernelInitializer: "ones", recurrentInitializer: "ones" });
const gradient = tf.grad((x) => tf.sum(lstm.apply(x)));
assert.deepEqual(gradient(tf.ones([1, 2, 1])).shape, [1, 2, 1]);
assert.throws(() => gradient(tf.ones([1, 1, 1])), (error) => {
  console.log("the gradient of one step:", error.message);
  return /passed to stack must be a/.test(error.message);
});
