//! Reads a vector (docs/vectors.md) with the standard library alone: rustc --edition 2021 -O read.rs && ./read FILE
use std::collections::BTreeMap;

type Found<T> = Result<T, String>;

/// The JSON of such a header: objects, texts without escapes, lists of whole numbers.
struct Header<'a>(&'a str);

impl<'a> Header<'a> {
    fn next(&mut self, c: char) -> bool {
        let rest = self.0.strip_prefix(c);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }
    fn demand(&mut self, c: char) -> Found<()> {
        if self.next(c) { Ok(()) } else { Err(format!("the header has no {c} where one belongs")) }
    }
    fn word(&mut self) -> Found<&'a str> {
        self.demand('"')?;
        let (word, rest) = self.0.split_once('"').ok_or("the header ends in a text")?;
        self.0 = rest;
        Ok(word)
    }
    fn numbers(&mut self) -> Found<Vec<usize>> {
        self.demand('[')?;
        let (list, rest) = self.0.split_once(']').ok_or("the header ends in a list")?;
        self.0 = rest;
        list.split(',').filter(|n| !n.is_empty()).map(|n| n.parse().map_err(|_| format!("{n} is not a number"))).collect()
    }
}

struct Tensor { dtype: String, shape: Vec<usize>, numbers: Vec<f64> }

fn half(bits: u16) -> f64 { // float16: 1 sign, 5 exponent, 10 fraction bits
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        31 => if fraction == 0.0 { f64::INFINITY } else { f64::NAN },
        0 => fraction * 2f64.powi(-24),
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

fn numbers(dtype: &str, bytes: &[u8]) -> Found<Vec<f64>> {
    macro_rules! all {
        ($size:expr, $number:expr) => { bytes.chunks_exact($size).map(|b| $number(b.try_into().unwrap())).collect() };
    }
    Ok(match dtype {
        "F64" => all!(8, f64::from_le_bytes),
        "F32" => all!(4, |b| f64::from(f32::from_le_bytes(b))),
        "F16" => all!(2, |b| half(u16::from_le_bytes(b))),
        // bfloat16 is the upper half of a float32.
        "BF16" => all!(2, |b| f64::from(f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16))),
        "I64" => all!(8, |b| i64::from_le_bytes(b) as f64),
        "I8" => all!(1, |b| f64::from(i8::from_le_bytes(b))),
        "BOOL" => all!(1, |b: [u8; 1]| f64::from(b[0])),
        _ => return Err(format!("{dtype} is not a dtype of a vector")),
    })
}

/// What the file says of its case, and its tensors.
fn read(file: &[u8]) -> Found<(BTreeMap<String, String>, BTreeMap<String, Tensor>)> {
    let none = "not a safetensors file";
    let size = file.get(..8).map(|b| u64::from_le_bytes(b.try_into().unwrap()) as usize).ok_or(none)?;
    let header = file[8..].get(..size).ok_or(none)?;
    let (mut header, body) = (Header(std::str::from_utf8(header).map_err(|e| e.to_string())?), &file[8 + size..]);
    let (mut told, mut tensors) = (BTreeMap::new(), BTreeMap::new());
    header.demand('{')?;
    while !header.next('}') {
        let (name, mut dtype, mut shape, mut offsets) = (header.word()?, "", vec![], vec![]);
        header.demand(':')?;
        header.demand('{')?;
        while !header.next('}') {
            let key = header.word()?;
            header.demand(':')?;
            match (name, key) {
                ("__metadata__", _) => { told.insert(key.to_string(), header.word()?.to_string()); }
                (_, "dtype") => dtype = header.word()?,
                (_, "shape") => shape = header.numbers()?,
                _ => offsets = header.numbers()?,
            }
            header.next(',');
        }
        header.next(',');
        if let [from, to] = offsets[..] {
            let found = numbers(dtype, body.get(from..to).ok_or("the file is too short")?)?;
            if shape.iter().try_fold(1, |product: usize, n| product.checked_mul(*n)) != Some(found.len()) {
                return Err(format!("{name} has other bytes"));
            }
            tensors.insert(name.to_string(), Tensor { dtype: dtype.to_string(), shape, numbers: found });
        }
    }
    Ok((told, tensors))
}

fn run() -> Found<()> {
    let path = std::env::args().nth(1).ok_or("which file?")?;
    let (told, tensors) = read(&std::fs::read(path).map_err(|e| e.to_string())?)?;
    for key in ["case", "sizes", "allowed"] {
        println!("{key} {}", told.get(key).ok_or(format!("the file does not say its {key}"))?);
    }
    for (name, tensor) in &tensors {
        let shape: Vec<String> = tensor.shape.iter().map(usize::to_string).collect();
        let first: String = tensor.numbers.iter().take(3).map(|n| format!(" {n:e}")).collect();
        println!("{name} {} [{}]{first}", tensor.dtype, shape.join(","));
        if let Some(output) = name.strip_prefix("golden.") { // each golden value has its kappa
            if tensors.get(&format!("kappa.{output}")).map(|k| &k.shape) != Some(&tensor.shape) {
                return Err(format!("{name} has no kappa of its shape"));
            }
        }
    }
    Ok(())
}

fn main() {
    if let Err(problem) = run() {
        eprintln!("{problem}");
        std::process::exit(1);
    }
}
