// WebNN's MLGraphBuilder.lstm: https://www.w3.org/TR/webnn/#api-mlgraphbuilder-lstm
//
// A graph has fixed sizes, so there is one for each T and B, and for each choice of states. A row's weights come as
// W (4H, I), R (4H, H), b_w, b_r (4H), P (3H), in the order i, o, f, g of WebNN's default layout.
import { contextOf, demandSizes } from "./bridge.mjs";

const DIRECTIONS = { forward: "forward", reverse: "backward", bidirectional: "both" };
const TYPES = { F32: "float32", F16: "float16" };
const ARRAYS = { F32: Float32Array, F16: Uint16Array };
const numbers = (data) => (data instanceof Uint16Array ? new Float16Array(data.buffer) : data); // WebNN's own type
let context;

class Model {
  constructor(kase, weights) {
    Object.assign(this, { kase, weights, graphs: new Map(), D: kase.direction === "bidirectional" ? 2 : 1 });
  }

  async call(given) {
    const [T, B] = given.x.shape;
    demandSizes([T, B]);
    const key = [T, B, "h0" in given, "c0" in given].join();
    if (!this.graphs.has(key)) this.graphs.set(key, await this.build(given));
    const { graph, outputs } = this.graphs.get(key), { dtype } = given.x, dataType = TYPES[dtype];
    const inputs = {}, found = {};
    for (const [name, { shape, data }] of Object.entries(given)) {
      inputs[name] = await context.createTensor({ dataType, shape, writable: true });
      context.writeTensor(inputs[name], numbers(data));
    }
    for (const [name, { shape }] of Object.entries(outputs))
      found[name] = await context.createTensor({ dataType, shape, readable: true });
    context.dispatch(graph, inputs, found);
    const answer = {};
    for (const [name, tensor] of Object.entries(found))
      answer[name] = { dtype, shape: tensor.shape, data: new ARRAYS[dtype](await context.readTensor(tensor)) };
    for (const tensor of [...Object.values(inputs), ...Object.values(found)]) tensor.destroy();
    return answer;
  }

  async build(given) {
    const { kase, D } = this, { H, layers } = kase, [T, B] = given.x.shape, builder = new MLGraphBuilder(context);
    this.builder = builder;
    this.dataType = TYPES[given.x.dtype];
    const states = Object.fromEntries(["h0", "c0"].filter((name) => name in given).map((name) => [name, this.input(given, name)]));
    const of = (state, layer) => state && builder.slice(state, [layer * D, 0, 0], [D, B, H]);
    const turned = (y) => builder.reshape(builder.transpose(y, { permutation: [0, 2, 1, 3] }), [T, B, D * H]);
    let y = this.input(given, "x");
    const finals = { h_n: [], c_n: [] };
    for (let layer = 0; layer < layers; layer++) {
      const [h, c, all] = builder.lstm(y, this.stacked(layer, "W"), this.stacked(layer, "R"), T, H, {
        ...this.options(layer), initialHiddenState: of(states.h0, layer), initialCellState: of(states.c0, layer),
      });
      y = turned(all);
      finals.h_n.push(h);
      finals.c_n.push(c);
    }
    const outputs = { y, h_n: builder.concat(finals.h_n, 0), c_n: builder.concat(finals.c_n, 0), ...this.head(y) };
    return { graph: await builder.build(outputs), outputs };
  }

  options(layer) {
    const { gate, cell, hidden } = this.kase.activations[0];
    const options = { direction: DIRECTIONS[this.kase.direction], returnSequence: true };
    if (this.kase.bias) Object.assign(options, { bias: this.stacked(layer, "b_w"), recurrentBias: this.stacked(layer, "b_r") });
    if (this.kase.peephole) options.peepholeWeight = this.stacked(layer, "P");
    return { ...options, activations: [gate.name, cell.name, hidden.name] };
  }

  head(y) {
    if (!this.kase.head) return {};
    const { builder } = this, { after, softmax } = this.kase.head, [T, B, width] = y.shape;
    const weights = builder.transpose(this.constant(this.weights.W_y));
    const last = after === "last_step" ? builder.reshape(builder.slice(y, [T - 1, 0, 0], [1, B, width]), [B, width]) : y;
    const logits = builder.add(builder.matmul(last, weights), this.constant(this.weights.b_y));
    return softmax ? { logits, probabilities: builder.softmax(logits, logits.shape.length - 1) } : { logits };
  }

  input(given, name) {
    return this.builder.input(name, { dataType: this.dataType, shape: given[name].shape });
  }

  constant({ data, shape }) {
    return this.builder.constant({ dataType: this.dataType, shape }, numbers(data));
  }

  /** A layer's tensor of every direction, stacked along a new first axis. */
  stacked(layer, name) {
    const rows = Array.from({ length: this.D }, (_, d) => this.weights[`${layer * this.D + d}/${name}`]);
    const { shape, data } = rows[0], whole = new data.constructor(this.D * data.length);
    rows.forEach((row, d) => whole.set(row.data, d * data.length));
    return this.constant({ data: whole, shape: [this.D, ...shape] });
  }
}

export default {
  async start(device) {
    context = await contextOf(device);
    return { versions: {}, settings: { "webnn.device": device } };
  },
  prepare: (kase, weights) => new Model(kase, weights),
};
