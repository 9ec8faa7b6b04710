"""`conformance convert`: moves weights from one layout and file to another, and proves the move."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from conformance.cli import options


def _list_layouts(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from conformance.convert.explaining import layouts_as_text

    click.echo(layouts_as_text())
    ctx.exit()


@click.command()
@click.argument("source", type=options.FILE)
@click.argument("target", type=options.NEW_FILE)
@click.option("--from", "read_as", metavar="LAYOUT", help="The source's layout.  [default: found by names and shapes]")
@click.option("--to", "write_as", metavar="LAYOUT", help="The target's layout.  [default for .pt, .onnx and .tflite]")
@click.option("--layer", "layers", multiple=True, metavar="NAME", help="A layer of the source; several are stacked.")
@click.option("--stack", is_flag=True, help="All layers of the source, as one stack.")
@click.option(
    "--forget-bias",
    type=options.Number(-1000, 1000),
    help="What the framework of source or target adds to the forget gate's bias at run time.",
)
@click.option("--dtype", type=click.Choice(["float16", "bfloat16", "float32", "float64"]), help="That of the target.")
@click.option(
    "--set", "said", multiple=True, metavar="KEY=YAML", help="An option of the layer that the source does not tell."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the inputs of the proof.")
@click.option("--list-layouts", is_flag=True, is_eager=True, expose_value=False, callback=_list_layouts,
              help="Print the layouts that have a name, and end.")  # fmt: skip
def convert(source: Path, target: Path, said: tuple[str, ...], **given: Any) -> None:
    """Move the weights of an LSTM layer from one framework's layout to another's, and prove the move.

    SOURCE is a safetensors, npz, HDF5, .keras, ONNX or .tflite file or a PyTorch state_dict; nothing in it is executed.
    TARGET's suffix says what is written: .safetensors, .npz, .h5, .pt, .onnx or .tflite. A LAYOUT is one of
    --list-layouts, or a YAML file.

    Exit code: 0 the move is right, as far as it could be proven, 1 it is not, 2 it could not be made.
    """
    from conformance.case.text import shortened, visible
    from conformance.convert.moving import Request, carried_out

    options.demand_other_file(target, [source])
    move = carried_out(Request(source, target, options=dict(map(options.setting, said)), **given))
    name = shortened(move.layer.where or source.name)
    click.echo(visible(f"{source}: {name} ({move.source.name}): {move.layer.summary()}"))
    for told in move.told:
        click.echo(f"  {told}")
    click.echo(visible(f"{target} ({move.target.name}): written; read back, every weight is bit-equal"))
    right = []
    for line in move.lines:
        click.echo(f"  {line.text}")
        right.append(line.right)
    if False in right:
        click.echo("the move is NOT right")
        sys.exit(1)
    click.echo("the move is right" if None not in right else "the move is right as far as it could be proven")
