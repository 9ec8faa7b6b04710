"""`conformance generate` makes what `--check` demands, and `--check` says what is missing or too much."""

import shlex

import pytest
from harness import COMMAND, python

SPEC = "family: made\ncases:\n  - {name: one, T: 3, B: 1, I: 1, H: 2}\n  - {name: two, T: 1, B: 1, I: 2, H: 1}\n"


@pytest.mark.slow
def test_generate_makes_what_check_demands(tmp_path, suite):
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "made.yaml").write_text(SPEC)

    def generate(*arguments: str) -> tuple[int, str]:
        folders = ("--specs", "specs", "--vectors", "vectors", "-j", "1")
        done = python("-c", COMMAND, "generate", *arguments, *folders, cwd=tmp_path)
        return done.returncode, done.stdout

    code, output = generate("--check")
    assert code == 1
    assert "made/one: made/one has no vector in vectors/MANIFEST.json; make it with: conformance generate" in output
    assert not (tmp_path / "vectors").exists()
    command, *arguments = shlex.split(output.partition("make it with: ")[2].splitlines()[0])
    assert command == "conformance"
    assert python("-c", COMMAND, *arguments, cwd=tmp_path).returncode == 0
    assert "made/one" not in generate("--check")[1]
    code, output = generate()
    assert code == 0
    assert output.startswith("2 vectors made; every golden value proven with at most ")
    code, output = generate("--check")
    assert code == 0
    assert output.startswith("2 of 2 vectors are the same; ")
    assert output.endswith("; 0 problems\n")
    code, output = generate("--check", "--every", "2")
    assert code == 0
    assert output.startswith("1 of 1 vectors are the same, the digests of 1 others too; ")
    assert generate("--every", "2")[0] == 2
    (tmp_path / "specs" / "made.yaml").write_text(SPEC.replace("name: two, T: 1", "name: three, T: 3"))
    code, output = generate("--check")
    assert code == 1
    assert "made/two: stored, but no spec asks for it\n" in output
    assert "made/three: made/three has no vector in " in output
