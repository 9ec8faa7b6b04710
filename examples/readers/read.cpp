// Reads a vector (docs/vectors.md): c++ -std=c++17 -o read read.cpp && ./read FILE. For little-endian processors.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

struct Header {  // the JSON of such a header: objects, texts without escapes, lists of whole numbers
  std::string text;
  size_t at = 0;
  bool next(char c) { return at < text.size() && text[at] == c ? ++at : false; }
  void demand(char c) {
    if (!next(c)) throw std::runtime_error(std::string("the header has no ") + c + " where one belongs");
  }
  std::string word() {
    demand('"');
    const size_t from = at, end = text.find('"', from);
    if (end == std::string::npos) throw std::runtime_error("the header ends in a text");
    at = end + 1;
    return text.substr(from, end - from);
  }
  std::vector<size_t> numbers() {
    std::vector<size_t> found;
    for (demand('['); !next(']'); next(',')) {
      size_t used = 0;
      found.push_back(std::stoull(text.substr(at, 20), &used));
      at += used;
    }
    return found;
  }
};

struct Tensor { std::string dtype; std::vector<size_t> shape; std::vector<double> numbers; };
struct Vector { std::map<std::string, std::string> told; std::map<std::string, Tensor> tensors; };

template <class T> T number_at(const char* bytes) { T n; std::memcpy(&n, bytes, sizeof n); return n; }

double half(uint16_t bits) {  // float16: 1 sign, 5 exponent, 10 fraction bits
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double size = exponent == 31 ? (fraction ? NAN : INFINITY)
                    : exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24);
  return bits >> 15 ? -size : size;
}

double bfloat16(uint16_t bits) {  // the upper half of a float32
  const uint32_t whole = uint32_t(bits) << 16;
  return number_at<float>(reinterpret_cast<const char*>(&whole));
}

struct Kind { size_t size; double (*number)(const char*); };
const std::map<std::string, Kind> KINDS = {
    {"F64", {8, [](const char* b) { return number_at<double>(b); }}},
    {"F32", {4, [](const char* b) { return double(number_at<float>(b)); }}},
    {"F16", {2, [](const char* b) { return half(number_at<uint16_t>(b)); }}},
    {"BF16", {2, [](const char* b) { return bfloat16(number_at<uint16_t>(b)); }}},
    {"I64", {8, [](const char* b) { return double(number_at<int64_t>(b)); }}},
    {"I8", {1, [](const char* b) { return double(number_at<int8_t>(b)); }}},
    {"BOOL", {1, [](const char* b) { return double(*b != 0); }}},
};

Vector read(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string file{std::istreambuf_iterator<char>(stream), {}};
  const uint64_t length = file.size() < 8 ? file.size() : number_at<uint64_t>(file.data());
  if (file.size() < 8 || length > file.size() - 8) throw std::runtime_error("not a safetensors file");
  Header header{file.substr(8, length)};
  const std::string body = file.substr(8 + length);
  Vector found;
  for (header.demand('{'); !header.next('}'); header.next(',')) {
    const std::string name = header.word();
    Tensor tensor;
    std::vector<size_t> offsets;
    header.demand(':');
    for (header.demand('{'); !header.next('}'); header.next(',')) {
      const std::string key = header.word();
      header.demand(':');
      if (name == "__metadata__") found.told[key] = header.word();
      else if (key == "dtype") tensor.dtype = header.word();
      else (key == "shape" ? tensor.shape : offsets) = header.numbers();
    }
    if (name == "__metadata__") continue;
    const Kind& kind = KINDS.at(tensor.dtype);
    size_t bytes = kind.size;
    for (size_t n : tensor.shape) bytes *= n;
    if (offsets.size() != 2 || offsets[1] > body.size() || offsets[0] > offsets[1] || offsets[1] - offsets[0] != bytes)
      throw std::runtime_error(name + " has other bytes");
    for (size_t at = offsets[0]; at < offsets[1]; at += kind.size) tensor.numbers.push_back(kind.number(&body[at]));
    found.tensors[name] = tensor;
  }
  return found;
}

int main(int, char** arguments) try {
  const Vector vector = read(arguments[1] ? arguments[1] : "");
  std::cout.precision(17);
  for (const char* key : {"case", "sizes", "allowed"}) std::cout << key << ' ' << vector.told.at(key) << '\n';
  for (const auto& [name, tensor] : vector.tensors) {
    std::cout << name << ' ' << tensor.dtype << " [";
    for (size_t n = 0; n < tensor.shape.size(); ++n) std::cout << (n ? "," : "") << tensor.shape[n];
    std::cout << ']';
    for (size_t n = 0; n < tensor.numbers.size() && n < 3; ++n) std::cout << ' ' << tensor.numbers[n];
    std::cout << '\n';
    if (name.rfind("golden.", 0) == 0 && vector.tensors.at("kappa" + name.substr(6)).shape != tensor.shape)
      throw std::runtime_error(name + " has no kappa of its shape");
  }
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
