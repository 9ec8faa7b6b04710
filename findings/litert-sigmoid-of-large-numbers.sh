#!/usr/bin/env bash
# ai-edge-litert 2.3.0: the sigmoid of some large finite numbers is NaN in LiteRT's interpreter, as it is made by default.
#
# A valid model with one operator, LOGISTIC in float32. Expected: 0 or 1 for numbers that are far from 0. Between about
# 5e26 and 2e38, of either sign, the result is NaN; larger numbers and infinities are right again. By default the
# interpreter hands the operator to XNNPACK; without that delegate all results are right.
#
# Ends with 0 while the behaviour is this, with 1 once it is not.
#
# Seen (Linux, x86-64, AMD EPYC):
#   by default:       -inf: 0  -3e+38: 0  -1e+30: nan  -1e+10: 0  1e+10: 1  1e+30: nan  3e+38: 1  inf: 1
#   without XNNPACK:  -inf: 0  -3e+38: 0  -1e+30: 0  -1e+10: 0  1e+10: 1  1e+30: 1  3e+38: 1  inf: 1
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ai-edge-litert==2.3.0 numpy==2.4.6 \
    flatbuffers==25.12.19 2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
cat > "$folder/sigmoid.py" <<'PYTHON'
import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

NUMBERS = np.array([[-np.inf, -3e38, -1e30, -1e10, 1e10, 1e30, 3e38, np.inf]], np.float32)
tensors = [schema.TensorT(name=n, type=schema.TensorType.FLOAT32, shape=list(NUMBERS.shape), buffer=0) for n in "xy"]
code = schema.BuiltinOperator.LOGISTIC
operator = schema.OperatorT(inputs=[0], outputs=[1])
graph = schema.SubGraphT(tensors=tensors, inputs=[0], outputs=[1], operators=[operator])
codes = [schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code, version=1)]
model = schema.ModelT(version=3, subgraphs=[graph], operatorCodes=codes, buffers=[schema.BufferT()])
builder = flatbuffers.Builder(1024)
builder.Finish(model.Pack(builder), file_identifier=b"TFL3")


def results(**options):
    interpreter = Interpreter(model_content=bytes(builder.Output()), **options)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, NUMBERS)
    interpreter.invoke()
    found = interpreter.get_tensor(1)
    return "  ".join(f"{x:g}: {y:g}" for x, y in zip(NUMBERS[0], found[0], strict=True))


print("by default:      ", results())
without = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
print("without XNNPACK: ", results(experimental_op_resolver_type=without))
PYTHON
"$folder/venv/bin/python" "$folder/sigmoid.py" 2> "$folder/log" > "$folder/seen" || { cat "$folder/log"; exit 1; }
cat "$folder/seen"
sed -n '/^# Seen/,/^set /s/^#   //p' "$0" | diff - "$folder/seen" && echo "as before" || { echo "changed"; exit 1; }
