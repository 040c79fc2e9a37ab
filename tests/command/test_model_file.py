"""Model files: what is taken from them, and the one sentence that a wrong one gets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from adaptc.compiler.errors import ModelFileError
from adaptc.compiler.model_file import load_model_file
from adaptc.compiler.signature import SignatureError
from adaptc.runtime.errors import InputError

HEAD = "import torch\nfrom torch import nn\n"
INPUTS = "example_inputs = (torch.ones(1, 4),)\n"


def write(folder: Path, text: str, name: str = "net.py") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def message(file: Path, **options: object) -> str:
    with pytest.raises(ModelFileError) as caught:
        load_model_file(file, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_a_module_and_a_tuple(tmp_path: Path) -> None:
    found = load_model_file(write(tmp_path, HEAD + "model = nn.Linear(4, 2).eval()\n" + INPUTS))
    assert isinstance(found.model, nn.Linear)
    assert found.name == "net"
    torch.testing.assert_close(found.example_inputs, (torch.ones(1, 4),))
    assert (found.dynamic, found.samples) == ({}, ())


def test_functions_that_make_them_and_another_name(tmp_path: Path) -> None:
    text = HEAD + (
        "def small(width=3):\n    return nn.Linear(4, width)\n"
        "def example_inputs():\n    return {'input': torch.zeros(2, 4)}\n"
        "dynamic = {'input': {0: 'batch'}}\n"
        "samples = [(torch.ones(1, 4),)]\n"
    )
    found = load_model_file(write(tmp_path, text), model="small")
    assert isinstance(found.model, nn.Linear)
    assert found.model.out_features == 3
    assert found.name == "small"
    assert found.dynamic == {"input": {0: "batch"}}
    assert len(found.samples) == 1


def test_model_py_is_named_after_its_folder(tmp_path: Path) -> None:
    file = write(tmp_path, HEAD + "model = nn.Linear(4, 2)\n" + INPUTS, "skipnet/model.py")
    assert load_model_file(file).name == "skipnet"


def test_two_folders_with_files_of_the_same_names(tmp_path: Path) -> None:
    text = HEAD + "from width import WIDTH\nmodel = nn.Linear(4, WIDTH)\n" + INPUTS
    for width in (2, 3):
        write(tmp_path, f"WIDTH = {width}\n", f"{width}/width.py")
        file = write(tmp_path, text, f"{width}/model.py")
        network = load_model_file(file).model
        assert isinstance(network, nn.Linear)
        assert network.out_features == width
    assert str(tmp_path / "3") not in sys.path


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    text = HEAD + "from width import WIDTH\nmodel = nn.Linear(4, WIDTH)\n" + INPUTS
    file = write(tmp_path, text)
    for width in (5, 16):
        write(tmp_path, f"WIDTH = {width}\n", "width.py")
        network = load_model_file(file).model
        assert isinstance(network, nn.Linear)
        assert network.out_features == width


def test_inputs_from_the_command_line_replace_those_of_the_file(tmp_path: Path) -> None:
    text = HEAD + (
        "class Two(nn.Module):\n    def forward(self, x, state):\n        return x + state['h']\n"
        "model = Two()\nexample_inputs = (torch.ones(1, 4), {'h': torch.ones(1, 4)})\n"
    )
    file = write(tmp_path, text)
    found = load_model_file(file, inputs=["state.h=float32[1,4]:7..8"])
    args, kwargs = found.example_inputs  # type: ignore[misc]
    torch.testing.assert_close(args[0], torch.ones(1, 4))
    assert bool((args[1]["h"] >= 7).all())
    assert kwargs == {}
    with pytest.raises(InputError, match=r"--input y: there is no such input; the inputs are x, state\.h"):
        load_model_file(file, inputs=["y=float32[1]"])


def test_inputs_from_the_command_line_are_enough(tmp_path: Path) -> None:
    file = write(tmp_path, HEAD + "model = nn.Linear(4, 2)\n")
    found = load_model_file(file, inputs=["input=float32[5,4]"])
    assert isinstance(found.example_inputs, dict)
    assert found.example_inputs["input"].shape == (5, 4)


def test_no_file_a_folder_and_another_kind_of_file(tmp_path: Path) -> None:
    assert message(tmp_path / "gone.py") == f"there is no file {tmp_path / 'gone.py'}"
    assert "is a folder" in message(tmp_path)
    (tmp_path / "weights.pt").write_bytes(b"")
    assert "is not a Python file" in message(tmp_path / "weights.pt")


def test_errors_of_the_import_name_the_users_line(tmp_path: Path) -> None:
    file = write(tmp_path, "import helper\n")
    write(tmp_path, "def f():\n    return {}['weights']\nf()\n", "helper.py")
    assert message(file) == f"{file} does not import: {tmp_path / 'helper.py'}:2: KeyError: 'weights'"


def test_a_syntax_error_names_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, "x = 1\nif x\n    pass\n")
    assert f"{file}:2: SyntaxError: expected ':'" in message(file)


def test_a_missing_package_and_a_script_that_exits(tmp_path: Path) -> None:
    file = write(tmp_path, "import torch\nimport no_such_package\n")
    assert f"{file}:2: ModuleNotFoundError: No module named 'no_such_package'" in message(file)
    file = write(tmp_path, "import sys\nsys.exit(0)\n", "script.py")
    assert f"{file}:2: it ends the process" in message(file)
    assert not [name for name in sys.modules if name.startswith("script_")]


def test_a_function_that_fails_names_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, HEAD + "def model():\n    return nn.Linear(4, 2, 'no')(3)\n" + INPUTS)
    assert f"{file} fails in model(): {file}:4: " in message(file)


def test_no_model_lists_what_there_is(tmp_path: Path) -> None:
    file = write(tmp_path, HEAD + "net = nn.Linear(4, 2)\n" + INPUTS)
    assert f"{file} has no `model`: it has the modules net; pass --name net" in message(file)
    file = write(tmp_path, HEAD + "class Net(nn.Module):\n    pass\n" + INPUTS, "classes.py")
    assert "it has the classes Net; write `model = Net(...).eval()`" in message(file)
    file = write(tmp_path, HEAD + INPUTS, "nothing.py")
    assert "it defines no nn.Module at all" in message(file)


def test_no_example_inputs_shows_the_line_to_add(tmp_path: Path) -> None:
    file = write(tmp_path, HEAD + "model = nn.Linear(4, 2)\n")
    text = message(file)
    assert "has no `example_inputs`" in text
    assert "`example_inputs = (torch.randn(1, 3, 32, 32),)`" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model = 3\n" + INPUTS, "`model` in {file} is an int: it must be an nn.Module"),
        ("def model(width):\n    pass\n" + INPUTS, "is the function model that needs arguments (width)"),
        ("model = nn.Linear\n" + INPUTS, "is the class Linear that needs arguments (in_features, out_features)"),
        ("def model():\n    return {}\n" + INPUTS, "`model` in {file} is a dict"),
        ("model = nn.Linear(4, 2)\nexample_inputs = 'x'\n", "`example_inputs` in {file} is a str"),
        ("model = nn.Linear(4, 2)\nexample_inputs = {1: 2}\n", "keys are not all names of arguments"),
        ("model = nn.Linear(4, 2)\nsamples = 3\n" + INPUTS, "`samples` in {file} is an int"),
        ("model = nn.Linear(4, 2)\nsamples = [3]\n" + INPUTS, "`samples[0]` in {file} is an int"),
        ("model = nn.Linear(4, 2)\ndynamic = {'x': ['batch']}\n" + INPUTS, "`dynamic` in {file} is {{'x': ['batch']}}"),
    ],
)
def test_wrong_kinds_are_named(tmp_path: Path, text: str, expected: str) -> None:
    file = write(tmp_path, HEAD + text)
    assert expected.format(file=file) in message(file)


def test_inputs_that_do_not_fit_forward(tmp_path: Path) -> None:
    file = write(tmp_path, HEAD + "model = nn.Linear(4, 2)\nexample_inputs = (1, 2, 3)\n")
    with pytest.raises(SignatureError, match="too many positional arguments"):
        load_model_file(file, inputs=["input=float32[5,4]"])
