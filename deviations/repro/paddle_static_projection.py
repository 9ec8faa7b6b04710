"""paddle.nn.LSTM with a projection, compiled by jit.to_static, cannot be differentiated; eager it can."""

import paddle

paddle.set_device("cpu")
raised = {}
for size in (0, 2):
    for compiled in (False, True):
        layer = paddle.nn.LSTM(2, 4, time_major=True, proj_size=size)
        call = paddle.jit.to_static(layer, full_graph=True) if compiled else layer
        what = f"proj_size {size}, {'compiled' if compiled else 'eager'}"
        try:
            y, _ = call(paddle.ones([3, 1, 2]))
            y.sum().backward()
        except (NotImplementedError, RuntimeError) as error:
            raised[size, compiled] = True
            print(f"{what}: {type(error).__name__}")
        else:
            print(f"{what}: differentiated")
raise SystemExit(0 if set(raised) == {(2, True)} else "does not deviate")
