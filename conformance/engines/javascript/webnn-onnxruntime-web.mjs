// onnxruntime-web with its WebNN provider, in Chromium: page/webnn-onnxruntime-web.mjs.
import { inPage } from "./chromium.mjs";
import { serve } from "./harness.mjs";
import { description } from "./packages.mjs";

await serve(description("webnn-onnxruntime-web"), inPage("webnn-onnxruntime-web"));
