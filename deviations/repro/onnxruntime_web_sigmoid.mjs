// onnxruntime-web 1.30.0 on WebAssembly: the sigmoid inside LSTM is good to 2e-7 in absolute terms, so that one near 0
// has few correct digits, where tanh is good to a few units in its last place. The error of f grows with the cell state.
//
//     npm install onnxruntime-web@1.30.0
//     node onnxruntime_web_sigmoid.mjs
//
// One step with R = 0, whose inputs are the four gates' sums: c = f c0 + i g, h = o tanh(c).
import assert from "node:assert/strict";
import * as ort from "onnxruntime-web";

// ONNX' protocol buffers, written by hand: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
const varint = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >> 7)]);
const number = (field, n) => [...varint(field << 3), ...varint(n)];
const bytes = (field, content) => [...varint((field << 3) | 2), ...varint(content.length), ...content];
const text = (field, string) => bytes(field, Buffer.from(string));
const constant = (name, shape, values) => {
  const data = new Uint8Array(Float32Array.from(values).buffer);
  return bytes(5, [...shape.flatMap((size) => number(1, size)), ...number(2, 1), ...text(8, name), ...bytes(9, data)]);
};
const value = (field, name, shape) => {
  const axes = shape.flatMap((size) => bytes(1, number(1, size)));
  return bytes(field, [...text(1, name), ...bytes(2, bytes(1, [...number(1, 1), ...bytes(2, axes)]))]);
};
const node = [
  ...["x", "W", "R", "", "", "h0", "c0"].flatMap((name) => text(1, name)), ...["", "h", "c"].flatMap((name) => text(2, name)),
  ...text(4, "LSTM"), ...bytes(5, [...text(1, "hidden_size"), ...number(3, 1), ...number(20, 2)]),
];
const graph = [
  ...bytes(1, node), ...text(2, "step"), ...value(11, "x", [1, 1, 4]),
  ...constant("W", [1, 4, 4], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]), ...constant("R", [1, 4, 1], [0, 0, 0, 0]),
  ...["h0", "c0"].flatMap((name) => value(11, name, [1, 1, 1])), ...["h", "c"].flatMap((name) => value(12, name, [1, 1, 1])),
];
const model = Uint8Array.from([...number(1, 10), ...bytes(8, number(2, 22)), ...bytes(7, graph)]);

const session = await ort.InferenceSession.create(model);
const tensor = (values) => new ort.Tensor("float32", Float32Array.from(values), [1, 1, values.length]);
async function step(i, o, f, g, c0) {
  const { h, c } = await session.run({ x: tensor([i, o, f, g]), h0: tensor([0]), c0: tensor([c0]) });
  return { h: h.data[0], c: c.data[0] };
}

const sigmoid = (z) => 1 / (1 + Math.exp(-z)), off = (found, right) => Math.abs(found / right - 1);
for (const z of [-5, -8, -11, -14, -17]) {
  const { c } = await step(-50, 0, z, 0, 1), { h } = await step(-50, 50, 50, 0, z); // f alone; tanh alone
  const [ofSigmoid, ofTanh] = [off(c, sigmoid(z)), off(h, Math.tanh(z))].map((error) => error.toPrecision(2));
  console.log(`z = ${z}: sigmoid ${c}, relative error ${ofSigmoid}; tanh ${h}, relative error ${ofTanh}`);
  assert(ofTanh < 1e-6);
  assert(z > -8 || ofSigmoid > 1e-5);
}
const f = -11.121399, { c } = await step(-50, 0, f, 0, 19.279554), right = sigmoid(f) * 19.279554; // of a designed case
console.log(`sigmoid(${f}) * 19.279554 = ${c}, right ${right}`);
assert(off(c, right) > 1e-3);
process.exit(0); // its threads do not keep it alive
