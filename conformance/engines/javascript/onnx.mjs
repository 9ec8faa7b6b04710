// ONNX models in onnxruntime's JavaScript interface, for Node and for a page.

const TYPES = { F32: "float32", F16: "float16", I32: "int32" };
const DTYPES = Object.fromEntries(Object.entries(TYPES).map(([dtype, type]) => [type, dtype]));

/** What a session answers to tensors (safetensors.mjs), by the names of the model. ort: the imported package. */
export async function run(ort, session, given) {
  const feeds = Object.entries(given).map(([name, { dtype, shape, data }]) => [name, new ort.Tensor(TYPES[dtype], data, shape)]);
  const found = Object.entries(await session.run(Object.fromEntries(feeds)));
  return Object.fromEntries(found.map(([name, { type, dims, data }]) => [name, { dtype: DTYPES[type], shape: dims, data }]));
}
