// TensorFlow.js 4.22.0 computes elu as e^z - 1, in float64: the digits of z are lost
// below 1e-9, and below 1e-16 it is 0.
//
//     npm install @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0
//     node tfjs_elu.mjs
import assert from "node:assert/strict";
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";

for (const z of [-1, -1e-6, -1e-12, -1e-20]) {
  const [found] = tf.elu(tf.scalar(z)).dataSync(), right = Math.expm1(z), error = Math.abs(found / right - 1);
  console.log(`elu(${z}) = ${found}, right ${right}, relative error ${error.toPrecision(2)}`);
  assert(z < -1e-9 ? error < 1e-6 : error > 1e-6);
}
