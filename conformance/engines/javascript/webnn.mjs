// WebNN in Chromium: page/webnn.mjs.
import { inPage } from "./chromium.mjs";
import { serve } from "./harness.mjs";
import { description } from "./packages.mjs";

await serve(description("webnn"), inPage("webnn"));
