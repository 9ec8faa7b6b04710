// TensorFlow.js: tf.layers.lstm, bidirectional, masking and dense, called layer by layer: node tfjs.mjs cpu|wasm
// https://js.tensorflow.org/api/4.22.0/#layers.lstm
//
// It is a port of Keras 2: activation is both G and Hh, a mask (B, T) leaves steps out, initialState is [h, c] and for
// bidirectional the forward pair, then the backward pair; goBackwards gives y in the order of processing.
import { join, sep } from "node:path";
import { serve, Unsupported } from "./harness.mjs";
import { description, folderOf, load } from "./packages.mjs";
import { differentiated } from "./tfjs-gradients.mjs";

const NAMES = { hard_sigmoid: "hardSigmoid" };
const LACKING = /Kernel '.*' not registered for backend|gradient function not found for/;
const backend = process.argv[2];
let tf, layers;

class Model {
  constructor(kase, weights) {
    const D = kase.direction === "bidirectional" ? 2 : 1;
    Object.assign(this, { kase, D });
    this.lstms = Array.from({ length: kase.layers }, (_, l) => this.lstm(l ? D * kase.H : kase.I, l * D, weights));
    if (kase.head) this.dense = this.denseOf(D * kase.H, weights);
  }

  /** A layer with its weights: an LSTM, or a Bidirectional around one. row: its first one. */
  lstm(size, row, weights) {
    const { H, bias, direction, activations: [{ gate, cell }] } = this.kase;
    const lstm = layers.layers.lstm({
      units: H, useBias: bias, unitForgetBias: false, goBackwards: direction === "reverse",
      activation: NAMES[cell.name] ?? cell.name, recurrentActivation: NAMES[gate.name] ?? gate.name,
      kernelInitializer: "zeros", recurrentInitializer: "zeros", returnSequences: true, returnState: true,
    });
    const layer = this.D === 1 ? lstm : layers.layers.bidirectional({ layer: lstm, mergeMode: "concat" });
    layer.apply(layers.input({ shape: [null, size] })); // which builds it
    const names = ["kernel", "recurrent_kernel", ...(bias ? ["bias"] : [])];
    const rows = Array.from({ length: this.D }, (_, d) => row + d);
    layer.setWeights(rows.flatMap((row) => names.map((name) => tensor(weights[`${row}/${name}`]))));
    return layer;
  }

  denseOf(size, weights) {
    const dense = layers.layers.dense({ units: this.kase.head.O });
    dense.apply(layers.input({ shape: [size] }));
    dense.setWeights([tf.transpose(tensor(weights.W_y)), tensor(weights.b_y)]);
    return dense;
  }

  /** The outputs by name. x (T, B, I); mask (B, T), true where a step counts, or undefined; h, c (L*D, B, H) or undefined. */
  forward(x, mask, h, c) {
    const { kase, D } = this, B = x.shape[1];
    let y = turned(x);
    if (kase.lengths_via === "upstream") {
      const masking = layers.layers.masking({ maskValue: kase.padding });
      [y, mask] = [masking.apply(y), masking.computeMask(y)];
    }
    const states = [], zeros = tf.zeros([B, kase.H]);
    const of = (all, row) => (all ? tf.reshape(tf.slice(all, [row], [1]), [B, kase.H]) : zeros);
    this.lstms.forEach((layer, l) => {
      const pairs = Array.from({ length: D }, (_, d) => [of(h, l * D + d), of(c, l * D + d)]);
      let finals; // initialState takes h and c together, so if one of them is absent, zeros are given for it
      [y, ...finals] = layer.apply(y, { mask, initialState: h || c ? pairs.flat() : undefined });
      if (kase.direction === "reverse") y = tf.reverse(y, 1);
      states.push(...finals);
    });
    const each = (first) => tf.stack(states.filter((_, n) => n % 2 === first));
    return { y: turned(y), h_n: each(0), c_n: each(1), ...this.logits(y) };
  }

  /** y (B, T, D*H) */
  logits(y) {
    if (!this.dense) return {};
    const { after, softmax } = this.kase.head, [B, T, width] = y.shape, last = after === "last_step";
    const dense = this.dense.apply(last ? tf.reshape(tf.slice(y, [0, T - 1], [B, 1]), [B, width]) : y);
    const logits = last ? dense : turned(dense);
    return softmax ? { logits, probabilities: tf.softmax(logits) } : { logits };
  }

  call(given) {
    const found = tf.tidy(() => {
      const { kase } = this, mask = maskOf(given);
      const outputs = kase.gradients || kase.head?.cross_entropy
        ? differentiated(tf, this, given, mask)
        : this.forward(...["x", "mask", "h0", "c0"].map((name) => (name === "mask" ? mask : tensor(given[name]))));
      const arrays = Object.entries(outputs).filter(([name]) => name in kase.outputs);
      return arrays.map(([name, found]) => [name, { dtype: "F32", shape: found.shape, data: found.dataSync() }]);
    });
    return Object.fromEntries(found);
  }

  drop() {
    for (const layer of [...this.lstms, this.dense]) layer?.dispose();
  }
}

const tensor = (given) => given && tf.tensor(given.data, given.shape);
const turned = (x) => tf.transpose(x, [1, 0, 2]); // from time major to batch major, and back

/** (B, T), true where a step counts; undefined where every step does. */
function maskOf({ x: { shape: [T, B] }, lengths, mask }) {
  if (mask) return tf.transpose(tf.tensor(mask.data, mask.shape, "bool"));
  if (!lengths) return undefined;
  const counts = Array.from({ length: B * T }, (_, n) => n % T < lengths.data[Math.floor(n / T)]);
  return tf.tensor(Uint8Array.from(counts), [B, T], "bool");
}

/** What a function gives; where an operation has no kernel or no gradient, that the case is not supported. */
function orUnsupported(compute) {
  try {
    return compute();
  } catch (error) {
    throw LACKING.test(error.message) ? new Unsupported(error.message) : error;
  }
}

async function settingsOf(kernels) {
  const settings = { "tfjs.backend": tf.getBackend() };
  if (backend !== "wasm") return settings;
  const simd = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT");
  return { ...settings, "tfjs.wasm_simd": String(simd), "tfjs.wasm_threads": String(kernels.getThreadsCount()) };
}

await serve(description(`tfjs-${backend}`), {
  async start() {
    tf = await load("@tensorflow/tfjs-core");
    layers = await load("@tensorflow/tfjs-layers");
    const kernels = await load(`@tensorflow/tfjs-backend-${backend}`);
    if (backend === "wasm") kernels.setWasmPaths(join(folderOf("@tensorflow/tfjs-backend-wasm"), "dist") + sep);
    await tf.setBackend(backend);
    const own = { [`tfjs-backend-${backend}`]: kernels[`version_${backend}`] };
    const versions = { ...own, "tfjs-layers": layers.version_layers, "tfjs-core": tf.version_core };
    if (backend === "cpu") versions.node = process.versions.node; // whose Math has the functions
    return { versions, settings: await settingsOf(kernels) };
  },
  prepare: (kase, weights) => {
    const model = orUnsupported(() => new Model(kase, weights));
    const call = (given) => orUnsupported(() => model.call(given));
    return { call, drop: () => model.drop() };
  },
});
