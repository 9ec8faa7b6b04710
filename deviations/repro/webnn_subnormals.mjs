// WebNN in Chromium 153 on TensorFlow Lite takes subnormal numbers for zeros: x = 1e-39 with a weight of 1e36 is 0, not 1e-3.
//
//     npm install --ignore-scripts @sparticuz/chromium@153.0.0 playwright-core@1.65.1
//     node webnn_subnormals.mjs
import assert from "node:assert/strict";
import sparticuz from "@sparticuz/chromium";
import { chromium } from "playwright-core";

const args = ["--enable-features=WebMachineLearningNeuralNetwork"];
const browser = await chromium.launch({ executablePath: await sparticuz.executablePath(), args });
const page = await browser.newPage();
await page.route("**", (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html>" }));
await page.goto("https://localhost/");

// One step with one unit: c = S(0) tanh(W x), where only the candidate has a weight.
const cells = await page.evaluate(async () => {
  const context = await navigator.ml.createContext({ deviceType: "cpu" }), found = [];
  for (const [x, W] of [[1e-3, 1], [1e-39, 1e36]]) {
    const builder = new MLGraphBuilder(context), desc = { dataType: "float32", shape: [1, 1, 1] };
    const constant = (shape, ...numbers) => builder.constant({ dataType: "float32", shape }, Float32Array.from(numbers));
    const [, c] = builder.lstm(builder.input("x", desc), constant([1, 4, 1], 0, 0, 0, W), constant([1, 4, 1], 0, 0, 0, 0), 1, 1);
    const graph = await builder.build({ c });
    const given = await context.createTensor({ ...desc, writable: true }), got = await context.createTensor({ ...desc, readable: true });
    context.writeTensor(given, Float32Array.of(x));
    context.dispatch(graph, { x: given }, { c: got });
    found.push(new Float32Array(await context.readTensor(got))[0]);
  }
  return found;
});
await browser.close();

const right = 0.5 * Math.tanh(1e-3);
console.log(`c with x = 1e-3, W = 1: ${cells[0]}; with x = 1e-39, W = 1e36: ${cells[1]}; right in both ${right}`);
assert(Math.abs(cells[0] / right - 1) < 1e-5);
assert.equal(cells[1], 0);
