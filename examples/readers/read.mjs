// Reads a vector (docs/vectors.md) with nothing but Node: node read.mjs FILE
import { readFileSync } from "node:fs";

const half = (bits) => { // float16: 1 sign, 5 exponent, 10 fraction bits
  const sign = bits >> 15 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24);
};
const bfloat16 = (bits) => new Float32Array(Uint32Array.of(bits << 16).buffer)[0]; // the upper half of a float32
const NUMBERS = { // dtype: [bytes of a number, the number at an offset]
  F64: [8, (v, at) => v.getFloat64(at, true)], F32: [4, (v, at) => v.getFloat32(at, true)],
  F16: [2, (v, at) => half(v.getUint16(at, true))], BF16: [2, (v, at) => bfloat16(v.getUint16(at, true))],
  I64: [8, (v, at) => Number(v.getBigInt64(at, true))], I8: [1, (v, at) => v.getInt8(at)],
  BOOL: [1, (v, at) => v.getUint8(at)],
};

export function read(path) {
  const file = readFileSync(path), view = new DataView(file.buffer, file.byteOffset, file.length);
  const start = 8 + (file.length < 8 ? 0 : Number(view.getBigUint64(0, true)));
  if (start > file.length) throw new Error(`${path}: not a safetensors file`);
  const { __metadata__: told = {}, ...entries } = JSON.parse(file.toString("utf8", 8, start));
  const tensors = new Map();
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(entries)) {
    const [size, number] = NUMBERS[dtype], count = shape.reduce((product, n) => product * n, 1);
    if (to - from !== count * size || start + to > file.length) throw new Error(`${path}: ${name} has other bytes`);
    const numbers = Array.from({ length: count }, (_, n) => number(view, start + from + n * size));
    tensors.set(name, { dtype, shape, numbers });
  }
  return { told, tensors };
}

try {
  const { told, tensors } = read(process.argv[2] ?? "");
  console.log(`case ${told.case}\nsizes ${told.sizes}\nallowed ${told.allowed}`);
  for (const name of [...tensors.keys()].sort()) {
    const { dtype, shape, numbers } = tensors.get(name);
    const first = numbers.slice(0, 3).map((n) => (Object.is(n, -0) ? "-0" : n));
    console.log([name, dtype, `[${shape}]`, ...first].join(" "));
  }
  for (const [name, golden] of tensors) { // each golden value has its kappa
    const kappa = name.startsWith("golden.") ? tensors.get(name.replace("golden", "kappa")) : golden;
    if (`${kappa?.shape}` !== `${golden.shape}`) throw new Error(`${name} has no kappa of its shape`);
  }
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
