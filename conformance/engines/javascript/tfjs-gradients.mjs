// Loss and gradients in TensorFlow.js: tf.variableGrads of x, the states and the trainable weights.
// https://js.tensorflow.org/api/4.22.0/#variableGrads and #losses.softmaxCrossEntropy

/** Every output of a case with a loss. model: of tfjs.mjs; mask (B, T) or undefined. */
export function differentiated(tf, model, given, mask) {
  const { kase } = model, names = ["x", "h0", "c0"].filter((name) => given[name]);
  const inputs = Object.fromEntries(names.map((name) => [name, tf.variable(tf.tensor(given[name].data, given[name].shape))]));
  let outputs;
  const loss = () => {
    outputs = inBlocks(tf, model, inputs, mask);
    const value = lossOf(tf, kase, given, outputs);
    if (kase.head?.cross_entropy) outputs.loss = value;
    for (const found of Object.values(outputs)) tf.keep(found);
    return value;
  };
  try {
    if (!kase.gradients) {
      loss();
      return outputs;
    }
    const own = [...model.lstms, ...(model.dense ? [model.dense] : [])].map((layer) => layer.trainableWeights.map(({ val }) => val));
    const { grads } = tf.variableGrads(loss, [...Object.values(inputs), ...own.flat()]);
    const gradient = (variable) => grads[variable.name] ?? tf.zerosLike(variable);
    const found = names.map((name) => [`d_${name}`, gradient(inputs[name])]);
    return { ...outputs, ...Object.fromEntries(found), ...ofWeights(tf, model, own.map((layer) => layer.map(gradient))) };
  } finally {
    for (const input of Object.values(inputs)) input.dispose();
  }
}

/** The outputs of the whole sequence; a stream is cut into its blocks, and the state goes on from one to the next. */
function inBlocks(tf, model, { x, h0, c0 }, mask) {
  const { kase } = model, [T, B, I] = x.shape, parts = [];
  let start = 0, h = h0, c = c0;
  for (const steps of kase.blocks ?? [T]) {
    const part = mask && tf.slice(mask, [0, start], [B, steps]);
    parts.push(model.forward(tf.slice(x, [start, 0, 0], [steps, B, I]), part, h, c));
    ({ h_n: h, c_n: c } = parts.at(-1));
    start += steps;
  }
  const outputs = { ...parts.at(-1) };
  const joined = kase.head?.after === "every_step" ? ["y", "logits", "probabilities"] : ["y"];
  for (const name of joined) if (outputs[name]) outputs[name] = tf.concat(parts.map((part) => part[name]));
  return outputs;
}

/** The mean cross-entropy over the targets that count, or <y, dy> + <h_n, dh_n> + <c_n, dc_n>. */
function lossOf(tf, kase, given, outputs) {
  if (kase.head?.cross_entropy) {
    const { data, shape } = given.targets, targets = Int32Array.from(data, Number);
    const labels = tf.oneHot(tf.tensor(targets.map((n) => Math.max(n, 0)), shape, "int32"), kase.head.O);
    const counts = tf.tensor(Float32Array.from(targets, (n) => (n < 0 ? 0 : 1)), shape);
    return tf.losses.softmaxCrossEntropy(labels, outputs.logits, counts);
  }
  const pairs = ["y", "h_n", "c_n"].filter((name) => given[`d${name}`]);
  const products = pairs.map((name) => tf.sum(tf.mul(outputs[name], tf.tensor(given[`d${name}`].data, given[`d${name}`].shape))));
  return products.length ? tf.addN(products) : tf.scalar(0);
}

/** d_W.0, d_R.0, ... canonically: kernels (n, 4H) are transposed here, and the one bias is the sum of two. */
function ofWeights(tf, { kase, D }, gradients) {
  const { H, bias } = kase, found = {}, count = bias ? 3 : 2;
  gradients.slice(0, kase.layers).forEach((layer, l) => {
    for (let d = 0; d < D; d++) {
      const [kernel, recurrent, b] = layer.slice(d * count), row = l * D + d;
      found[`d_W.${row}`] = tf.reshape(tf.transpose(kernel), [4, H, kernel.shape[0]]);
      found[`d_R.${row}`] = tf.reshape(tf.transpose(recurrent), [4, H, H]);
      if (bias) found[`d_b_w.${row}`] = found[`d_b_r.${row}`] = tf.reshape(b, [4, H]);
    }
  });
  if (kase.head) [found.d_W_y, found.d_b_y] = [tf.transpose(gradients.at(-1)[0]), gradients.at(-1)[1]];
  return found;
}
