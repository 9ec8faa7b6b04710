// What a harness in C++17 needs beside its engine: frames, safetensors, JSON. docs/harness.md has the protocol.
//
//     int main(int argc, char** argv) { return lstm_harness::serve(argc, argv, DESCRIPTION, engine); }
//
// brook_harness.cpp is a whole one. For processors that are little endian.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#define dup _dup
#define dup2 _dup2
#define fdopen _fdopen
#else
#include <unistd.h>
#endif

namespace lstm_harness {

// Thrown by an engine: the device is not here; the case is refused. Anything else is an error of that request.
struct Unavailable : std::runtime_error { using std::runtime_error::runtime_error; };
struct Unsupported : std::runtime_error { using std::runtime_error::runtime_error; };

// A value of JSON. What is asked for and not there, or of another kind, is an error.
class Json {
 public:
  enum Kind { null, boolean, number, text, list, object } kind = null;
  double as_number = 0;
  std::string as_text;
  std::vector<Json> items;
  std::map<std::string, Json> fields;

  static Json parsed(const std::string& text) {
    Parser parser{text};
    Json found = parser.value();
    parser.space();
    if (parser.at != text.size()) parser.fail();
    return found;
  }
  const Json& operator[](const std::string& name) const {
    const auto found = fields.find(name);
    if (found == fields.end()) throw std::runtime_error("there is no field " + name);
    return found->second;
  }
  bool is_null() const { return kind == null; }
  bool flag() const { demand(boolean); return as_number != 0; }
  double real() const { demand(number); return as_number; }
  int64_t whole() const { demand(number); return static_cast<int64_t>(as_number); }
  double real_or(double other) const { return is_null() ? other : real(); }
  const std::string& str() const { demand(text); return as_text; }

  static std::string quoted(const std::string& text) {
    std::string found = "\"";
    for (const unsigned char c : text) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", c);
      if (c == '"' || c == '\\') found += '\\', found += static_cast<char>(c);
      else if (c < 0x20 || c > 0x7e) found += escape;  // beyond ASCII as if it were Latin 1: always valid
      else found += static_cast<char>(c);
    }
    return found + '"';
  }

 private:
  void demand(Kind wanted) const {
    if (kind != wanted) throw std::runtime_error("a field has a value of another kind");
  }
  struct Parser {
    const std::string& from;
    size_t at = 0;

    [[noreturn]] void fail() const { throw std::runtime_error("not JSON at byte " + std::to_string(at)); }
    void space() { at = std::min(from.find_first_not_of(" \t\r\n", at), from.size()); }
    bool next(const std::string& word) {
      space();
      return from.compare(at, word.size(), word) == 0 ? at += word.size() : false;
    }
    Json value() {
      Json found;
      if (next("null")) return found;
      if (next("true") || next("false")) {
        found.kind = boolean;
        found.as_number = from[at - 2] == 'u';
      } else if (next("[")) {
        found.kind = list;
        for (bool more = !next("]"); more; more = next(",") || (next("]") ? false : (fail(), false)))
          found.items.push_back(value());
      } else if (next("{")) {
        found.kind = object;
        for (bool more = !next("}"); more; more = next(",") || (next("}") ? false : (fail(), false))) {
          std::string name = string();
          if (!next(":")) fail();
          found.fields[std::move(name)] = value();
        }
      } else if (at < from.size() && from[at] == '"') {
        found.kind = text;
        found.as_text = string();
      } else {
        char* end = nullptr;
        found.kind = number;
        found.as_number = std::strtod(from.c_str() + at, &end);
        if (end == from.c_str() + at) fail();
        at = static_cast<size_t>(end - from.c_str());
      }
      return found;
    }
    std::string string() {
      if (!next("\"")) fail();
      std::string found;
      while (at < from.size() && from[at] != '"') {
        if (from[at] != '\\') {
          found += from[at++];
          continue;
        }
        if (at + 1 >= from.size()) fail();
        static const std::string shorts = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
        const char c = from[at + 1];
        at += 2;
        if (c == 'u') {  // names and ids are ASCII: what is not stays as one character
          const unsigned long code = std::strtoul(from.substr(at, 4).c_str(), nullptr, 16);
          found += code < 128 ? static_cast<char>(code) : '?';
          at += 4;
        } else if (const size_t which = shorts.find(c); which != std::string::npos) {
          found += meant[which];
        } else {
          fail();
        }
      }
      if (!next("\"")) fail();
      return found;
    }
  };
};

// A tensor: numbers row by row. dtype is F16, BF16, F32, F64, I32, I64, BOOL or U8.
struct Tensor {
  std::string dtype;
  std::vector<int64_t> shape;
  std::vector<char> bytes;

  template <class T> static Tensor of(std::string dtype, std::vector<int64_t> shape) {
    size_t count = 1;
    for (const int64_t n : shape) count *= static_cast<size_t>(n);
    return {std::move(dtype), std::move(shape), std::vector<char>(count * sizeof(T))};
  }
  template <class T> const T* as() const { return reinterpret_cast<const T*>(bytes.data()); }
  template <class T> T* as() { return reinterpret_cast<T*>(bytes.data()); }
};
using Tensors = std::map<std::string, Tensor>;

inline Tensors read_tensors(const std::string& data) {
  Tensors found;
  if (data.empty()) return found;
  uint64_t size = 0;
  if (data.size() >= sizeof size) std::memcpy(&size, data.data(), sizeof size);
  if (data.size() < sizeof size || size > data.size() - sizeof size) throw std::runtime_error("not safetensors");
  const size_t start = sizeof size + static_cast<size_t>(size);
  const Json header = Json::parsed(data.substr(sizeof size, static_cast<size_t>(size)));
  for (const auto& [name, told] : header.fields) {
    if (name == "__metadata__") continue;
    Tensor tensor{told["dtype"].str(), {}, {}};
    for (const Json& n : told["shape"].items) tensor.shape.push_back(n.whole());
    const auto begin = static_cast<size_t>(told["data_offsets"].items.at(0).whole());
    const auto end = static_cast<size_t>(told["data_offsets"].items.at(1).whole());
    if (begin > end || end > data.size() - start) throw std::runtime_error(name + " lies outside of its tensors");
    tensor.bytes.assign(data.begin() + static_cast<std::ptrdiff_t>(start + begin),
                        data.begin() + static_cast<std::ptrdiff_t>(start + end));
    found[name] = std::move(tensor);
  }
  return found;
}

inline std::string written(const Tensors& tensors) {
  if (tensors.empty()) return "";
  std::string header = "{", body;
  for (const auto& [name, tensor] : tensors) {
    header += (header.size() > 1 ? "," : "") + Json::quoted(name) + ":{\"dtype\":\"" + tensor.dtype + "\",\"shape\":[";
    for (size_t n = 0; n < tensor.shape.size(); ++n) header += (n ? "," : "") + std::to_string(tensor.shape[n]);
    header += "],\"data_offsets\":[" + std::to_string(body.size()) + ",";
    body.append(tensor.bytes.begin(), tensor.bytes.end());
    header += std::to_string(body.size()) + "]}";
  }
  header += "}";
  header.append((8 - header.size() % 8) % 8, ' ');
  const uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + header + body;
}

using Texts = std::map<std::string, std::string>;
// A layer that was built; it may be called any number of times, and keeps no state.
using Layer = std::function<Tensors(const Tensors& inputs)>;

struct Engine {
  // Loads the engine for a device. The versions of all that computes; the settings that decide about precision.
  std::function<std::pair<Texts, Texts>(const std::string& device)> hello;
  std::function<Layer(const Json& lstm_case, const Tensors& weights)> prepare;
};

namespace detail {

inline std::string object(const Texts& texts) {
  std::string found = "{";
  for (const auto& [name, value] : texts)
    found += (found.size() > 1 ? "," : "") + Json::quoted(name) + ":" + Json::quoted(value);
  return found + "}";
}

// The fields of an answer after `op`, with its op, and its tensors.
struct Answer {
  std::string op = "ok", fields;
  Tensors tensors;
};

inline Answer answer(const Engine& engine, const Json& request, const Tensors& tensors, std::map<int64_t, Layer>& layers) {
  const std::string& op = request["op"].str();
  if (op == "hello") {
    const auto [versions, settings] = engine.hello(request["device"].str());
    return {"ok", ",\"versions\":" + object(versions) + ",\"settings\":" + object(settings), {}};
  }
  if (op == "stop") return {};
  const int64_t handle = request["handle"].whole();
  if (op == "prepare") {
    layers[handle] = engine.prepare(request["case"], tensors);
  } else if (op == "call" || op == "drop") {
    const auto layer = layers.find(handle);
    if (layer == layers.end()) throw std::runtime_error("there is no handle " + std::to_string(handle));
    if (op == "call") return {"ok", "", layer->second(tensors)};
    layers.erase(layer);
  } else {
    throw std::runtime_error("no request is called " + op);
  }
  return {};
}

}  // namespace detail

// Print the description, or answer requests until `stop` or the end of the input. The exit code of main.
inline int serve(int argc, char** argv, const std::string& description, const Engine& engine) {
  if (argc > 1 && std::string(argv[1]) == "--describe") {
    std::cout << description << '\n';
    return 0;
  }
#ifdef _WIN32
  _setmode(0, _O_BINARY);
  _setmode(1, _O_BINARY);
#endif
  std::FILE* answers = fdopen(dup(1), "wb");
  dup2(2, 1);  // what the engine prints is not to stand between frames
  std::map<int64_t, Layer> layers;
  for (std::string line; std::getline(std::cin, line);) {
    const Json request = Json::parsed(line);
    std::string data(static_cast<size_t>(request["bytes"].whole()), '\0');
    if (!std::cin.read(data.data(), static_cast<std::streamsize>(data.size()))) return 1;
    detail::Answer told;
    try {
      told = detail::answer(engine, request, read_tensors(data), layers);
    } catch (const Unavailable& reason) {
      told = {"unavailable", ",\"reason\":" + Json::quoted(reason.what()), {}};
    } catch (const Unsupported& reason) {
      told = {"unsupported", ",\"reason\":" + Json::quoted(reason.what()), {}};
    } catch (const std::exception& error) {
      told = {"error", ",\"text\":" + Json::quoted(error.what()), {}};
    }
    const std::string payload = written(told.tensors);
    const std::string head = "{\"op\":\"" + told.op + "\",\"id\":" + std::to_string(request["id"].whole()) + told.fields +
                             ",\"bytes\":" + std::to_string(payload.size()) + "}\n";
    std::fwrite(head.data(), 1, head.size(), answers);
    std::fwrite(payload.data(), 1, payload.size(), answers);
    std::fflush(answers);
    if (request["op"].str() == "stop") break;
  }
  return 0;
}

}  // namespace lstm_harness
