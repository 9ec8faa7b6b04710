//! A harness in Rust: `cargo build --release`, then `conformance smoke command:target/release/plain-rust`.
//! The engine is the plain loop of `plain.rs`; replace it, and what DESCRIPTION says of it, by your own.

mod plain;

use lstm_harness::{Answer, Engine, Json, Layer, Refusal, Tensor, Tensors, Texts};
use plain::{Float, Scan};

struct Plain;

impl Engine for Plain {
    const DESCRIPTION: &'static str = r#"{
  "protocol": 1,
  "name": "plain-rust",
  "weights": {"gates": "ifgo", "tensors": {"W": ["W"], "R": ["R"], "bias": ["b"]}},
  "capabilities": {
    "dtypes": ["float32", "float64"], "directions": ["forward", "reverse", "bidirectional"],
    "lengths": "each", "min_length": 0, "lengths_via": ["argument"], "head": false
  },
  "contracts": {"padded_y": "zeros", "empty_rows": "initial"}
}"#;

    fn hello(_device: &str) -> Answer<(Texts, Texts)> {
        let version = ("plain-rust".to_string(), env!("CARGO_PKG_VERSION").to_string());
        Ok((Texts::from([version]), Texts::new()))
    }

    fn prepare(case: &Json, weights: &Tensors) -> Answer<Layer> {
        match case.text("dtype")? {
            "float32" => layer::<f32>(case, weights),
            "float64" => layer::<f64>(case, weights),
            other => Err(Refusal::Unsupported(format!("has no {other}"))),
        }
    }
}

fn layer<F: Float>(case: &Json, weights: &Tensors) -> Answer<Layer> {
    let stack = Stack::<F>::built(case, weights)?;
    Ok(Box::new(move |inputs| stack.call(inputs)))
}

/// Layers on top of each other; for each, a scan for each direction.
struct Stack<F> { layers: Vec<Vec<Scan<F>>>, units: usize }

impl<F: Float> Stack<F> {
    fn built(case: &Json, weights: &Tensors) -> Answer<Self> {
        let units = case.whole("H")?;
        let directions = if case.text("direction")? == "bidirectional" { 2 } else { 1 };
        let mut layers = vec![];
        for layer in 0..case.whole("layers")? {
            let mut scans = vec![];
            for direction in 0..directions {
                let numbers = |name: &str| {
                    let name = format!("{}/{name}", layer * directions + direction);
                    weights.get(&name).ok_or(format!("there is no {name}"))?.numbers::<F>()
                };
                let (w, r, bias) = (numbers("W")?, numbers("R")?, numbers("bias")?);
                let reverse = direction == 1 || case.text("direction")? == "reverse";
                scans.push(Scan { inputs: w.len() / (4 * units), units, w, r, bias, reverse });
            }
            layers.push(scans);
        }
        Ok(Stack { layers, units })
    }

    fn call(&self, inputs: &Tensors) -> Answer<Tensors> {
        let x = inputs.get("x").ok_or("there is no x".to_string())?;
        let (steps, rows, units) = (x.shape[0], x.shape[1], self.units);
        let scans = self.layers.iter().map(Vec::len).sum::<usize>();
        let state = |name: &str| match inputs.get(name) {
            Some(given) => given.numbers::<F>(),
            None => Ok(vec![F::from(0.0); scans * rows * units]),
        };
        let (mut h, mut c, mut y) = (state("h0")?, state("c0")?, x.numbers::<F>()?);
        let lengths = match inputs.get("lengths") {
            Some(given) => given.numbers::<i64>()?.into_iter().map(|n| n as usize).collect(),
            None => vec![steps; rows],
        };
        let states = h.chunks_mut((rows * units).max(1)).zip(c.chunks_mut((rows * units).max(1)));
        let mut states = states.collect::<Vec<_>>().into_iter();
        for layer in &self.layers {
            let width = layer.len() * units;
            let mut next = vec![F::from(0.0); steps * rows * width];
            for (direction, scan) in layer.iter().enumerate() {
                let (h, c) = states.next().ok_or("there are too few states".to_string())?;
                scan.run(&y, steps, &lengths, h, c, &mut next, direction * units, width);
            }
            y = next;
        }
        let width = self.layers.last().map_or(0, Vec::len) * units;
        Ok(Tensors::from([
            ("y".to_string(), Tensor::of(&[steps, rows, width], &y)),
            ("h_n".to_string(), Tensor::of(&[scans, rows, units], &h)),
            ("c_n".to_string(), Tensor::of(&[scans, rows, units], &c)),
        ]))
    }
}

fn main() -> std::io::Result<()> {
    lstm_harness::serve::<Plain>()
}
