#!/usr/bin/env node
// A harness for lstm-conformance in JavaScript: a plain loop, without packages. docs/harness.md explains each step.
//
// `serve` and the tensors are in two files that the suite's own JavaScript harnesses use; copy both beside yours.
import { serve } from "../../../conformance/engines/javascript/harness.mjs";

const DESCRIPTION = {
  protocol: 1,
  name: "plain-javascript",
  capabilities: {
    dtypes: ["float32", "float64"], directions: ["forward", "reverse", "bidirectional"], lengths: "each", min_length: 0,
    head: false,
  },
};
const NUMBERS = { float32: ["F32", Float32Array], float64: ["F64", Float64Array] };
const sigmoid = (z) => 1 / (1 + Math.exp(-z));

/** One layer in one direction. at(t, b, n): its input; h, c: states (B, H), changed in place; put(t, b, n, h): its output. */
function scan({ T, B, I, H, W, R, bias, lengths, reverse }, at, h, c, put) {
  for (let b = 0; b < B; b++) {
    for (let step = 0; step < lengths[b]; step++) {
      const t = reverse ? lengths[b] - 1 - step : step, before = h.slice(b * H, (b + 1) * H);
      for (let n = 0; n < H; n++) {
        const [i, f, g, o] = [0, 1, 2, 3].map((gate) => {
          const unit = gate * H + n;
          let z = bias[unit];
          for (let k = 0; k < I; k++) z += W[unit * I + k] * at(t, b, k);
          for (let k = 0; k < H; k++) z += R[unit * H + k] * before[k];
          return z;
        });
        const cell = sigmoid(f) * c[b * H + n] + sigmoid(i) * Math.tanh(g);
        c[b * H + n] = cell;
        h[b * H + n] = sigmoid(o) * Math.tanh(cell);
        put(t, b, n, h[b * H + n]);
      }
    }
  }
}

/** What `call` answers for a case with its weights, from x, and lengths, h0 and c0 where there are any. */
function forward({ layers, direction, I, H, dtype, bias }, weights, { x, lengths, h0, c0 }) {
  const D = direction === "bidirectional" ? 2 : 1, [T, B] = x.shape, [name, Numbers] = NUMBERS[dtype];
  const counts = lengths ? Array.from(lengths.data, Number) : Array(B).fill(T);
  const [h, c] = [h0, c0].map((given) => new Numbers(given?.data ?? layers * D * B * H));
  let input = x.data, size = I, y;
  for (let layer = 0; layer < layers; layer++, input = y, size = D * H) {
    y = new Numbers(T * B * D * H);
    for (let d = 0; d < D; d++) {
      const row = layer * D + d, [W, R, one, two] = ["W", "R", "b_w", "b_r"].map((each) => weights[`${each}.${row}`]?.data);
      const sizes = { T, B, I: size, H, W, R, lengths: counts, reverse: direction === "reverse" || d === 1 };
      const sum = Float64Array.from({ length: 4 * H }, (_, n) => (bias ? one[n] + two[n] : 0));
      const [own, cell] = [h, c].map((all) => all.subarray(row * B * H, (row + 1) * B * H));
      const at = (t, b, n) => input[(t * B + b) * size + n];
      scan({ ...sizes, bias: sum }, at, own, cell, (t, b, n, found) => (y[((t * B + b) * D + d) * H + n] = found));
    }
  }
  const states = [layers * D, B, H], tensor = (shape, data) => ({ dtype: name, shape, data });
  return { y: tensor([T, B, D * H], y), h_n: tensor(states, h), c_n: tensor(states, c) };
}

await serve(DESCRIPTION, {
  start: () => ({ versions: { node: process.versions.node } }),
  prepare: (kase, weights) => ({ call: (inputs) => forward(kase, weights, inputs) }),
});
