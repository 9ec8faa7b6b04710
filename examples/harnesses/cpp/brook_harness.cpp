// A harness for brook, the engine in C of examples/vendor-adapter: its LSTM layer on the CPU.
//
//     cc -O2 -c ../../vendor-adapter/src/brook_conformance/brook.c
//     c++ -std=c++17 -O2 -o brook-harness brook_harness.cpp brook.o
//     conformance smoke command:./brook-harness
#include "lstm_harness.hpp"

using lstm_harness::Json;
using lstm_harness::Tensor;
using lstm_harness::Tensors;

extern "C" {  // brook has no header: this is what brook.c defines
struct brook_layer {
  int32_t inputs, units, reverse, peepholes;
  float forget_bias, cell_clip;
};
const char* brook_version(void);
int brook_run(const brook_layer*, const float* weights, const float* x, int32_t steps, int32_t rows,
              const int32_t* lengths, float* h, float* c, float* y);
}

const char* const DESCRIPTION = R"({
  "protocol": 1,
  "name": "brook",
  "weights": "canonical",
  "capabilities": {
    "dtypes": ["float32"], "directions": ["forward", "reverse"], "max_layers": 1,
    "lengths": "each", "min_length": 0, "lengths_via": ["argument"],
    "forget_bias": true, "peephole": ["new-cell"], "cell_clip": true, "head": false
  },
  "contracts": {"padded_y": "zeros", "empty_rows": "initial"}
})";

// Unit by unit: for each of its gates f, i, o, g the bias, the row of W, the row of R; then the peepholes f, i, o.
std::vector<float> unit_by_unit(const Json& given, const Tensors& weights) {
  const auto I = static_cast<size_t>(given["I"].whole()), H = static_cast<size_t>(given["H"].whole());
  const float *W = weights.at("W.0").as<float>(), *R = weights.at("R.0").as<float>();
  const bool bias = given["bias"].flag(), peephole = given["peephole"].flag();
  std::vector<float> packed;
  for (size_t unit = 0; unit < H; ++unit) {
    for (const size_t gate : {1, 0, 3, 2}) {  // of the canonical i, f, g, o
      const size_t row = gate * H + unit;
      packed.push_back(bias ? weights.at("b_w.0").as<float>()[row] + weights.at("b_r.0").as<float>()[row] : 0.0f);
      packed.insert(packed.end(), W + row * I, W + (row + 1) * I);
      packed.insert(packed.end(), R + row * H, R + (row + 1) * H);
    }
    if (peephole)
      for (const size_t gate : {1, 0, 2}) packed.push_back(weights.at("peephole.0").as<float>()[gate * H + unit]);
  }
  return packed;
}

// Exchanges the first two axes of (outer, inner, size).
void exchanged(const float* from, float* to, int64_t outer, int64_t inner, int64_t size) {
  for (int64_t a = 0; a < outer; ++a)
    for (int64_t b = 0; b < inner; ++b)
      std::memcpy(to + (b * outer + a) * size, from + (a * inner + b) * size, static_cast<size_t>(size) * sizeof(float));
}

// The initial state (1, B, H), zeros if it is absent: brook needs one, and leaves the final one there.
Tensor state(const Tensors& inputs, const char* name, int64_t rows, int64_t units) {
  const auto given = inputs.find(name);
  return given == inputs.end() ? Tensor::of<float>("F32", {1, rows, units}) : given->second;
}

lstm_harness::Layer prepare(const Json& given, const Tensors& weights) {
  brook_layer layer{};
  layer.inputs = static_cast<int32_t>(given["I"].whole());
  layer.units = static_cast<int32_t>(given["H"].whole());
  layer.reverse = given["direction"].str() == "reverse";
  layer.peepholes = given["peephole"].flag();
  layer.forget_bias = static_cast<float>(given["forget_bias"].real());
  layer.cell_clip = static_cast<float>(given["cell_clip"].real_or(0));
  return [layer, packed = unit_by_unit(given, weights)](const Tensors& inputs) -> Tensors {
    const Tensor& x = inputs.at("x");
    const int64_t T = x.shape[0], B = x.shape[1], I = layer.inputs, H = layer.units;
    std::vector<float> by_row(static_cast<size_t>(T * B * I)), y_by_row(static_cast<size_t>(T * B * H));
    exchanged(x.as<float>(), by_row.data(), T, B, I);
    std::vector<int32_t> lengths;
    if (const auto told = inputs.find("lengths"); told != inputs.end())
      lengths.assign(told->second.as<int64_t>(), told->second.as<int64_t>() + B);
    Tensor h = state(inputs, "h0", B, H), c = state(inputs, "c0", B, H), y = Tensor::of<float>("F32", {T, B, H});
    const int status =
        brook_run(&layer, packed.data(), by_row.data(), static_cast<int32_t>(T), static_cast<int32_t>(B),
                  lengths.empty() ? nullptr : lengths.data(), h.as<float>(), c.as<float>(), y_by_row.data());
    if (status != 0) throw std::runtime_error(status == 1 ? "brook: a size is out of range" : "brook: out of memory");
    exchanged(y_by_row.data(), y.as<float>(), B, T, H);
    return {{"y", y}, {"h_n", h}, {"c_n", c}};
  };
}

int main(int argc, char** argv) {
  const lstm_harness::Engine brook{
      [](const std::string&) { return std::pair<lstm_harness::Texts, lstm_harness::Texts>{{{"brook", brook_version()}}, {}}; },
      prepare,
  };
  return lstm_harness::serve(argc, argv, DESCRIPTION, brook);
}
