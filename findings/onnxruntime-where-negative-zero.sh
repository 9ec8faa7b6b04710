#!/usr/bin/env bash
# onnxruntime 1.31.1: Where gives +0 where it chooses a -0 of its second input; a -0 of the third stays one.
#
# A valid model with this operator alone. Expected: the chosen element as it is, as numpy.where and onnx's reference
# evaluator give it. In fact the sign of a zero depends on the side that it comes from, in float32 and float64, whatever
# the other input holds there. A recurrence that is masked by Where (as exporters write a mask) loses the sign of a zero
# state in every step that counts.
#
# Ends with 0 while the behaviour is this, with 1 once it is not.
#
# Seen (Linux, x86-64, AMD EPYC):
#   FLOAT:  second input: 0.0   third input: -0.0   reference: -0.0 -0.0
#   DOUBLE: second input: 0.0   third input: -0.0   reference: -0.0 -0.0
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6 \
    2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
cat > "$folder/where.py" <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper
from onnx.reference import ReferenceEvaluator

for name, dtype in {"FLOAT": np.float32, "DOUBLE": np.float64}.items():
    kind = getattr(TensorProto, name)
    inputs = [helper.make_tensor_value_info("c", TensorProto.BOOL, [1])]
    inputs += [helper.make_tensor_value_info(each, kind, [1]) for each in "ab"]
    y = helper.make_tensor_value_info("y", kind, [1])
    graph = helper.make_graph([helper.make_node("Where", ["c", "a", "b"], ["y"])], "g", inputs, [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    one, zero = np.ones(1, dtype), np.full(1, -0.0, dtype)
    feeds = [{"c": np.array([True]), "a": zero, "b": one}, {"c": np.array([False]), "a": one, "b": zero}]
    second, third = (session.run(None, each)[0].item() for each in feeds)
    reference = " ".join(str(ReferenceEvaluator(model).run(None, each)[0].item()) for each in feeds)
    print(f"seen: {name + ':':<7} second input: {second!s:<5} third input: {third!s:<6} reference: {reference}")
PYTHON
cd "$folder"
venv/bin/python where.py > log 2>&1 || { cat log; exit 1; }
sed -n 's/^seen: //p' log > seen
cd "$OLDPWD"
cat "$folder/seen"
sed -n '/^# Seen/,/^set /s/^#   //p' "$0" | diff - "$folder/seen" && echo "as before" || { echo "changed"; exit 1; }
