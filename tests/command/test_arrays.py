"""Arrays for `adaptc run`: files, images, random values, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adaptc.command.arrays import load_image, parse_sizes, random_array, read_arrays
from adaptc.runtime.errors import InputError
from adaptc.runtime.manifest import TensorSpec

PICTURE = TensorSpec("x", "float32", ("batch", 3, 2, 4))
IDS = TensorSpec("ids", "int64", ("batch", "length"))


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def image(folder: Path, width: int = 4, height: int = 2) -> tuple[Path, np.ndarray]:  # type: ignore[type-arg]
    pixels = np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3) * 5
    file = folder / "picture.png"
    Image.fromarray(pixels).save(file)
    return file, pixels


def test_an_image_becomes_nchw_between_0_and_1(tmp_path: Path) -> None:
    file, pixels = image(tmp_path)
    loaded = load_image(file, PICTURE)
    assert loaded.shape == (1, 3, 2, 4)
    assert loaded.dtype == np.float32
    assert loaded.flags.c_contiguous
    for channel in range(3):
        np.testing.assert_allclose(loaded[0, channel], pixels[:, :, channel] / 255, rtol=1e-6)


def test_a_grey_image_and_an_input_without_a_batch(tmp_path: Path) -> None:
    file = tmp_path / "grey.png"
    Image.fromarray(np.array([[0, 255], [51, 102]], np.uint8)).save(file)
    loaded = load_image(file, TensorSpec("x", "float32", (1, "height", "width")))
    np.testing.assert_allclose(loaded, [[[0, 1], [0.2, 0.4]]], rtol=1e-6)


def test_images_are_not_resized(tmp_path: Path) -> None:
    file, _ = image(tmp_path, width=5, height=3)
    expected = (
        r"picture\.png is 5 pixels wide and 3 high, the input is float32\[batch, 3, 2, 4\]: resize the image first"
    )
    with pytest.raises(InputError, match=expected):
        load_image(file, PICTURE)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (IDS, r"the input is int64\[batch, length\], and an image is given to float32\[1,C,H,W\]"),
        (TensorSpec("x", "float32", (8, 3, 2, 4)), "one image is a batch of 1"),
        (TensorSpec("x", "float32", (1, 5, 2, 4)), "with C 1 or 3"),
    ],
)
def test_inputs_that_take_no_image(tmp_path: Path, spec: TensorSpec, message: str) -> None:
    file, _ = image(tmp_path)
    with pytest.raises(InputError, match=message):
        load_image(file, spec)


def test_a_file_that_is_no_image(tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    file.write_text("hello")
    with pytest.raises(InputError, match="cannot be read as an image"):
        load_image(file, PICTURE)
    with pytest.raises(InputError, match="there is no file"):
        load_image(tmp_path / "gone.png", PICTURE)


def test_files_by_name_and_bare_files(tmp_path: Path) -> None:
    x, ids = np.ones((1, 3, 2, 4), np.float32), np.arange(6).reshape(2, 3)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "all.npz", x=x, ids=ids)
    np.savez(tmp_path / "numbered.npz", **{"0": x, "1": ids})
    np.savez(tmp_path / "one.npz", anything=ids)
    wanted = [PICTURE, IDS]
    for texts in (
        [f"x={tmp_path}/x.npy", f"ids={tmp_path}/all.npz"],
        [f"{tmp_path}/all.npz"],
        [f"{tmp_path}/numbered.npz"],
        [f"x={tmp_path}/x.npy", f"ids={tmp_path}/one.npz"],
    ):
        arrays = read_arrays(texts, wanted, generator())
        np.testing.assert_array_equal(arrays["x"], x)
        np.testing.assert_array_equal(arrays["ids"], ids)
    np.testing.assert_array_equal(read_arrays([f"{tmp_path}/x.npy"], [PICTURE], generator())["x"], x)


def test_wrong_options_are_told_apart(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", a=np.ones(1), b=np.ones(1))
    (tmp_path / "bad.npz").write_text("no archive")
    for text, message in (
        ("y=float32[1]", "there is no input 'y'; the inputs are x, ids"),
        (f"x={tmp_path}/two.npz", "has no array 'x', only a, b"),
        (f"{tmp_path}/two.npz", "there is no input 'a'"),
        (f"{tmp_path}/bad.npz", r"cannot be read as a \.npz file"),
        ("x=model.onnx", "is neither a .npy, .npz or image file nor random values"),
        (f"{tmp_path}/x.npy", "has no name and value"),
        (f"x={tmp_path}/x.npy", "there is no file"),
    ):
        with pytest.raises(InputError, match=message):
            read_arrays([text], [PICTURE, IDS], generator())


def test_random_values_follow_the_sample() -> None:
    like = np.array([[3, 9, 4]])
    ids = random_array(IDS, {"batch": 200}, like, generator())
    assert ids.shape == (200, 3)
    assert ids.dtype == np.int64
    assert set(ids.reshape(-1).tolist()) == set(range(3, 10))
    assert random_array(PICTURE, {}, None, generator()).shape == (1, 3, 2, 4)
    with pytest.raises(InputError, match=r'--input "ids=int64\[1,1\]:0..1000"'):
        random_array(IDS, {}, None, generator())


def test_sizes_of_named_dimensions() -> None:
    assert parse_sizes(["batch=4", "length=7"], [PICTURE, IDS]) == {"batch": 4, "length": 7}
    for text in ("rows=4", "batch=0", "batch", "batch=two"):
        with pytest.raises(InputError, match="the named dimensions are: batch, length"):
            parse_sizes([text], [PICTURE, IDS])
