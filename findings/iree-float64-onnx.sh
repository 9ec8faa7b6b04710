#!/usr/bin/env bash
# IREE 3.13.0: a float64 ONNX model compiles by default, but the module cannot be called.
#
# By default (--iree-input-demote-f64-to-f32) the compiler turns float64 into float32, without a word. Expected: a module
# that is called with float64 as the model says, with the digits of float32, or with float32. In fact it takes neither:
# float32 is refused, because the interface still says float64, and with float64 the output is said to need more bytes
# than it has. With the flag switched off the answer is right. (https://github.com/iree-org/iree/issues/24180)
#
# Ends with 0 while the behaviour is this, with 1 once it is not.
#
# Seen (numpy 2.4.6, onnx 1.23.2, Linux, x86-64):
#   by default, float64: IndexError: buffer view byte length 16 exceeds backing buffer byte length 8
#   by default, float32: ValueError: tensor element type mismatch; expected f64
#   not demoted, float64: float64, right
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check iree-base-compiler==3.13.0 iree-base-runtime==3.13.0 \
    onnx==1.23.2 numpy==2.4.6 2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
"$folder/venv/bin/python" - > "$folder/seen" <<'PYTHON'
import re

import iree.compiler
import iree.runtime
import numpy as np
from iree.compiler.extras import onnx_importer
from iree.compiler.ir import Context
from onnx import TensorProto, helper

x, y = (helper.make_tensor_value_info(name, TensorProto.DOUBLE, [2]) for name in "xy")
graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "twice", [x], [y])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
info = onnx_importer.ModelInfo(model)
module = info.create_module(context=Context()).operation
onnx_importer.NodeImporter.define_function(info.main_graph, module).import_all()
config = iree.runtime.Config("local-task")


def called(given, *flags):
    flags = ["--iree-llvmcpu-target-cpu=host", *flags]
    assembly = module.get_asm()
    program = iree.compiler.compile_str(assembly, target_backends=["llvm-cpu"], input_type="onnx", extra_args=flags)
    loaded = iree.runtime.load_vm_module(iree.runtime.VmModule.copy_buffer(config.vm_instance, program), config)
    try:
        got = loaded["twice"](given)
    except (IndexError, ValueError) as error:
        said = re.search(r"buffer view byte length[^;]*|tensor element type mismatch; expected \w+", str(error))
        return f"{type(error).__name__}: {said[0] if said else error}"
    got = getattr(got, "to_host", lambda: got)()
    return f"{got.dtype}, {'right' if np.array_equal(got, 2 * given) else 'wrong'}"


given = np.array([0.1, 1e-300])
print(f"by default, float64: {called(given)}")
print(f"by default, float32: {called(given.astype(np.float32))}")
print(f"not demoted, float64: {called(given, '--iree-input-demote-f64-to-f32=false')}")
PYTHON
cat "$folder/seen"
sed -n '/^# Seen/,/^set /s/^#   //p' "$0" | diff - "$folder/seen" && echo "as before" || { echo "changed"; exit 1; }
