// Tensors as safetensors bytes, for Node and for a page: {name: {dtype, shape, data}}, data a typed array.

const ARRAYS = {
  F64: Float64Array, F32: Float32Array, I64: BigInt64Array, I32: Int32Array, U8: Uint8Array, BOOL: Uint8Array,
  F16: Uint16Array, BF16: Uint16Array, // their bits
};

/** The tensors in a file; their arrays share nothing with `bytes`. */
export function decode(bytes) {
  if (!bytes.length) return {};
  const start = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const { __metadata__, ...entries } = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  return Object.fromEntries(Object.entries(entries).map(([name, { dtype, shape, data_offsets: [from, to] }]) => {
    if (!(dtype in ARRAYS)) throw new Error(`${name}: dtype ${dtype} is none of ${Object.keys(ARRAYS)}`);
    const { buffer } = new Uint8Array(bytes.subarray(start + from, start + to)); // a copy: it begins at a multiple of 8
    return [name, { dtype, shape, data: new ARRAYS[dtype](buffer) }];
  }));
}

/** The inverse of `decode`. */
export function encode(tensors) {
  const header = {}, parts = [];
  let end = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [end, (end += data.byteLength)] };
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  const text = new TextEncoder().encode(JSON.stringify(header)), start = 8 + Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(start + end).fill(0x20, 0, start); // spaces end the header
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - 8), true);
  bytes.set(text, 8);
  let at = start;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
