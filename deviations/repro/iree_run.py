"""The answer of IREE to a model of onnx_lstm."""

import iree.compiler
import iree.runtime
import onnx
from iree.compiler.extras import onnx_importer
from iree.compiler.ir import Context


def answer(model, feeds):
    """y, h and c."""
    info = onnx_importer.ModelInfo(onnx.shape_inference.infer_shapes(model))
    module = info.create_module(context=Context()).operation
    onnx_importer.NodeImporter.define_function(info.main_graph, module).import_all()
    flags = ["--iree-llvmcpu-target-cpu=host"]
    program = iree.compiler.compile_str(
        module.get_asm(), target_backends=["llvm-cpu"], input_type="onnx", extra_args=flags
    )
    config = iree.runtime.Config("local-task")
    loaded = iree.runtime.load_vm_module(iree.runtime.VmModule.copy_buffer(config.vm_instance, program), config)
    outputs = loaded[model.graph.name](*(feeds[value.name] for value in model.graph.input))
    return [output.to_host() for output in outputs]
