// onnxruntime-web 1.30.0 hands the peepholes of an ONNX LSTM to WebNN's lstm, whose output gate sees the cell before the
// step. ONNX's sees the cell after it. Chromium 153 from @sparticuz/chromium, with WebNN on TensorFlow Lite.
//
//     npm install --ignore-scripts @sparticuz/chromium@153.0.0 playwright-core@1.65.1
//     node webnn_output_peephole.mjs
import assert from "node:assert/strict";
import sparticuz from "@sparticuz/chromium";
import { chromium } from "playwright-core";

const args = ["--enable-features=WebMachineLearningNeuralNetwork"];
const browser = await chromium.launch({ executablePath: await sparticuz.executablePath(), args });
const page = await browser.newPage();
await page.route("**", (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html>" }));
await page.goto("https://localhost/");

// One step with one unit: c = S(0) 1 + S(0) tanh(2) from a c of 1; only the output gate has a peephole, of 1.
const [h] = await page.evaluate(async () => {
  const context = await navigator.ml.createContext({ deviceType: "cpu" }), builder = new MLGraphBuilder(context);
  const constant = (shape, ...numbers) => builder.constant({ dataType: "float32", shape }, Float32Array.from(numbers));
  const [found] = builder.lstm(constant([1, 1, 1], 1), constant([1, 4, 1], 0, 0, 0, 2), constant([1, 4, 1], 0, 0, 0, 0), 1, 1, {
    peepholeWeight: constant([1, 3], 0, 1, 0), initialCellState: constant([1, 1, 1], 1), // i, o, f
  });
  const graph = await builder.build({ h: found });
  const h = await context.createTensor({ dataType: "float32", shape: [1, 1, 1], readable: true });
  context.dispatch(graph, {}, { h });
  return Array.from(new Float32Array(await context.readTensor(h)));
});
await browser.close();

const sigmoid = (z) => 1 / (1 + Math.exp(-z)), c = 0.5 + 0.5 * Math.tanh(2);
const before = sigmoid(1) * Math.tanh(c), after = sigmoid(c) * Math.tanh(c);
console.log(`h = ${h}; with the cell before the step ${before}, ONNX's, after it, ${after}`);
assert(Math.abs(h - before) < 1e-6 && Math.abs(h - after) > 1e-3);
