//! The engine: one layer in one direction, a plain loop.

use lstm_harness::Number;
use std::ops::{Add, AddAssign, Div, Mul, Neg};

pub trait Float: Number + From<f32> + Add<Output = Self> + AddAssign + Mul<Output = Self> + Div<Output = Self>
    + Neg<Output = Self> + 'static {
    fn exp(self) -> Self;
    fn tanh(self) -> Self;
}
impl Float for f32 {
    fn exp(self) -> f32 { f32::exp(self) }
    fn tanh(self) -> f32 { f32::tanh(self) }
}
impl Float for f64 {
    fn exp(self) -> f64 { f64::exp(self) }
    fn tanh(self) -> f64 { f64::tanh(self) }
}

/// w (4, units, inputs), r (4, units, units), bias (4, units); gates i, f, g, o.
pub struct Scan<F> { pub inputs: usize, pub units: usize, pub w: Vec<F>, pub r: Vec<F>, pub bias: Vec<F>, pub reverse: bool }

impl<F: Float> Scan<F> {
    /// x (steps, rows, inputs). h, c (rows, units) hold the initial states before and the final ones after. y (steps,
    /// rows, width) gets h from column `at` on; what a row leaves out stays as it is.
    #[allow(clippy::too_many_arguments)]
    pub fn run(&self, x: &[F], steps: usize, lengths: &[usize], h: &mut [F], c: &mut [F], y: &mut [F], at: usize, width: usize) {
        let rows = lengths.len();
        for (row, length) in lengths.iter().enumerate() {
            let (h, c) = (&mut h[row * self.units..][..self.units], &mut c[row * self.units..][..self.units]);
            for n in 0..(*length).min(steps) {
                let place = (if self.reverse { length - 1 - n } else { n }) * rows + row;
                self.step(&x[place * self.inputs..][..self.inputs], h, c);
                y[place * width + at..][..self.units].copy_from_slice(h);
            }
        }
    }

    fn step(&self, x: &[F], h: &mut [F], c: &mut [F]) {
        let gate = |gate: usize, unit: usize, h: &[F]| {
            let row = gate * self.units + unit;
            let mut sum = self.bias[row];
            self.w[row * self.inputs..].iter().zip(x).for_each(|(w, x)| sum += *w * *x);
            self.r[row * self.units..].iter().zip(h).for_each(|(r, h)| sum += *r * *h);
            sum
        };
        let sigmoid = |z: F| F::from(1.0) / (F::from(1.0) + (-z).exp());
        let mut new_h = h.to_vec();
        for unit in 0..self.units {
            c[unit] = sigmoid(gate(1, unit, h)) * c[unit] + sigmoid(gate(0, unit, h)) * gate(2, unit, h).tanh();
            new_h[unit] = sigmoid(gate(3, unit, h)) * c[unit].tanh();
        }
        h.copy_from_slice(&new_h);
    }
}
