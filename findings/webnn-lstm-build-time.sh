#!/usr/bin/env bash
# Chromium 153, WebNN on TensorFlow Lite: the time to build a graph with one lstm grows faster than the square of its steps.
#
# Expected: `steps` is a number in one operator, so that building a graph of 160 steps costs about as much as one of 20.
# In fact the operator is written out as a copy of its cell for each step, and building costs far more than eight times
# as much. For long sequences the state is better carried from graph to graph.
#
# Seen (Linux, x86-64; 0.01 s and 1.3 s):
#   160 steps cost more than 8 times what 20 steps do: true
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR="$folder" # where the browser is unpacked
npm install --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts @sparticuz/chromium@153.0.0 playwright-core@1.65.1 > "$folder/npm.log" 2>&1 || { cat "$folder/npm.log"; exit 1; }
(cd "$folder" && node --input-type=module -) > "$folder/seen" <<'JAVASCRIPT'
import sparticuz from "@sparticuz/chromium";
import { chromium } from "playwright-core";

const args = ["--enable-features=WebMachineLearningNeuralNetwork"];
const browser = await chromium.launch({ executablePath: await sparticuz.executablePath(), args });
const page = await browser.newPage();
await page.route("**", (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html>" }));
await page.goto("https://localhost/");
const seconds = (steps) => page.evaluate(async (steps) => {
  const context = await navigator.ml.createContext({ deviceType: "cpu" }), builder = new MLGraphBuilder(context);
  const zeros = (shape) => builder.constant({ dataType: "float32", shape }, new Float32Array(shape.reduce((n, m) => n * m)));
  const x = builder.input("x", { dataType: "float32", shape: [steps, 1, 2] }), began = performance.now();
  const [h] = builder.lstm(x, zeros([1, 8, 2]), zeros([1, 8, 2]), steps, 2);
  await builder.build({ h });
  return (performance.now() - began) / 1000;
}, steps);
await seconds(1);
const few = await seconds(20), many = await seconds(160);
await browser.close();
console.error(`${few.toFixed(2)} s, ${many.toFixed(2)} s`);
console.log(`160 steps cost more than 8 times what 20 steps do: ${many > 8 * few}`);
JAVASCRIPT
cat "$folder/seen"
sed -n '/^# Seen/,/^set /s/^#   //p' "$0" | diff - "$folder/seen" && echo "as before" || { echo "changed"; exit 1; }
