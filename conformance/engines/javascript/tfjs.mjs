// TensorFlow.js: tf.layers.lstm, bidirectional, masking and dense, called layer by layer: node tfjs.mjs cpu|wasm
// https://js.tensorflow.org/api/4.22.0/#layers.lstm
//
// It is a port of Keras 2: activation is both G and Hh, a mask (B, T) leaves steps out, initialState is [h, c] and for
// bidirectional the forward pair, then the backward pair; goBackwards gives y in the order of processing.
import { join, sep } from "node:path";
import { serve, Unsupported } from "./harness.mjs";
import { description, folderOf, load } from "./packages.mjs";

const NAMES = { hard_sigmoid: "hardSigmoid" };
const LACKING = /Kernel '(\w+)' not registered for backend/;
const backend = process.argv[2];
let tf, layers;

/** A layer with its weights: an LSTM, or a Bidirectional around one. */
function layerOf(kase, rows, size, weights) {
  const { gate, cell } = kase.activations[0];
  const lstm = layers.layers.lstm({
    units: kase.H, useBias: kase.bias, unitForgetBias: false, goBackwards: kase.direction === "reverse",
    activation: NAMES[cell.name] ?? cell.name, recurrentActivation: NAMES[gate.name] ?? gate.name,
    kernelInitializer: "zeros", recurrentInitializer: "zeros", returnSequences: true, returnState: true,
  });
  const layer = rows.length === 1 ? lstm : layers.layers.bidirectional({ layer: lstm, mergeMode: "concat" });
  layer.apply(layers.input({ shape: [null, size] })); // builds it; build() alone does not mark it as built
  const names = ["kernel", "recurrent_kernel", ...(kase.bias ? ["bias"] : [])];
  layer.setWeights(rows.flatMap((row) => names.map((name) => tensor(weights[`${row}/${name}`]))));
  return layer;
}

function denseOf(kase, size, weights) {
  const dense = layers.layers.dense({ units: kase.head.O });
  dense.apply(layers.input({ shape: [size] }));
  dense.setWeights([tf.transpose(tensor(weights.W_y)), tensor(weights.b_y)]);
  return dense;
}

const tensor = ({ data, shape }) => tf.tensor(data, shape);
const turned = (x) => tf.transpose(x, [1, 0, 2]); // time major to batch major and back

/** The mask (B, T), true where a step counts; undefined where every step does. */
function maskOf(kase, { x, lengths, mask }) {
  const [T, B] = x.shape;
  if (mask) return tf.transpose(tf.tensor(mask.data, mask.shape, "bool"));
  if (!lengths) return undefined;
  const counts = Array.from({ length: B * T }, (_, n) => n % T < lengths.data[Math.floor(n / T)]);
  return tf.tensor(Uint8Array.from(counts), [B, T], "bool");
}

/** The tensors of `outputs` by name, from x (T, B, I) and the states h0, c0 (L*D, B, H) or undefined. */
function forward(kase, built, x, h0, c0, given) {
  const D = kase.direction === "bidirectional" ? 2 : 1, B = x.shape[1];
  let y = turned(x), mask = maskOf(kase, given);
  if (kase.lengths_via === "upstream") {
    const masking = layers.layers.masking({ maskValue: kase.padding });
    [y, mask] = [masking.apply(y), masking.computeMask(y)];
  }
  const states = [];
  built.lstms.forEach((layer, l) => {
    const zeros = tf.zeros([B, kase.H]);
    const state = (all, d) => (all ? tf.reshape(tf.slice(all, [l * D + d], [1]), [B, kase.H]) : zeros);
    const initialState = h0 || c0 ? [...Array(D).keys()].flatMap((d) => [state(h0, d), state(c0, d)]) : undefined;
    let finals;
    [y, ...finals] = layer.apply(y, { mask, initialState });
    if (kase.direction === "reverse") y = tf.reverse(y, 1);
    states.push(...finals);
  });
  const each = (first) => tf.stack(states.filter((_, n) => n % 2 === first));
  const outputs = { y: turned(y), h_n: each(0), c_n: each(1) };
  if (built.dense) {
    const [, T, width] = y.shape, last = kase.head.after === "last_step";
    const logits = built.dense.apply(last ? tf.reshape(tf.slice(y, [0, T - 1], [-1, 1]), [B, width]) : y);
    outputs.logits = last ? logits : turned(logits);
    if (kase.head.softmax) outputs.probabilities = tf.softmax(outputs.logits);
  }
  return outputs;
}

await serve(description(`tfjs-${backend}`), {
  async start() {
    tf = await load("@tensorflow/tfjs-core");
    layers = await load("@tensorflow/tfjs-layers");
    const package_ = await load(`@tensorflow/tfjs-backend-${backend}`);
    if (backend === "wasm") package_.setWasmPaths(join(folderOf("@tensorflow/tfjs-backend-wasm"), "dist") + sep);
    await tf.setBackend(backend);
    await tf.ready();
    const versions = { "tfjs-layers": layers.version_layers, "tfjs-core": tf.version_core };
    return { versions: { ...versions, [`tfjs-backend-${backend}`]: package_[`version_${backend}`] }, settings: {} };
  },
  prepare(kase, weights) {
    const D = kase.direction === "bidirectional" ? 2 : 1;
    const rows = (l) => [...Array(D).keys()].map((d) => l * D + d);
    const lstms = [...Array(kase.layers).keys()].map((l) => layerOf(kase, rows(l), l ? D * kase.H : kase.I, weights));
    const built = { lstms, dense: kase.head && denseOf(kase, D * kase.H, weights) };
    const call = (given) => {
      const found = tf.tidy(() => {
        const [x, h0, c0] = ["x", "h0", "c0"].map((name) => given[name] && tensor(given[name]));
        return Object.entries(forward(kase, built, x, h0, c0, given)).map(([name, found]) =>
          [name, { dtype: "F32", shape: found.shape, data: found.dataSync() }]);
      });
      return Object.fromEntries(found);
    };
    return { call, drop: () => [...lstms, built.dense].forEach((layer) => layer?.dispose()) };
  },
});
