"""Arrays for an artifact's inputs: from .npy, .npz and image files, or random. No PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from adaptc.compiler.input_specs import Array, load_npy, load_npz, parse_random, split_name
from adaptc.extras import needs_command
from adaptc.runtime.errors import InputError
from adaptc.runtime.inputs import describe
from adaptc.runtime.manifest import TensorSpec

IMAGES = frozenset([".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff"])


def read_arrays(texts: Sequence[str], wanted: Sequence[TensorSpec], generator: np.random.Generator) -> dict[str, Array]:
    """The arrays that the --input options give, by input name. Raises `InputError` saying which one is wrong."""
    specs = {spec.name: spec for spec in wanted}
    arrays: dict[str, Array] = {}
    for text in texts:
        for name, array in _read(text, specs, generator).items():
            if name not in specs:
                raise InputError(f"--input {text}: there is no input {name!r}; the inputs are {', '.join(specs)}")
            arrays[name] = array
    return arrays


def _read(text: str, specs: Mapping[str, TensorSpec], generator: np.random.Generator) -> dict[str, Array]:
    if "=" not in text and text.endswith(".npz"):
        arrays = load_npz("all inputs", Path(text))
        # The artifact's own samples number their arrays in the order of the inputs.
        numbered = {str(index): name for index, name in enumerate(specs)}
        return {numbered.get(key, key) if key not in specs else key: array for key, array in arrays.items()}
    if "=" not in text and len(specs) == 1:
        text = f"{next(iter(specs))}={text}"
    name, value = split_name(text)
    file = Path(value).expanduser()
    if name not in specs:
        raise InputError(f"--input {text}: there is no input {name!r}; the inputs are {', '.join(specs)}")
    random = parse_random(name, value)
    if random is not None:
        return {name: random.draw(generator)}
    if file.suffix == ".npy":
        return {name: load_npy(name, file)}
    if file.suffix == ".npz":
        arrays = load_npz(name, file)
        if name not in arrays and len(arrays) != 1:
            raise InputError(f"--input {name}: {file} has no array {name!r}, only {', '.join(arrays)}")
        return {name: arrays[name] if name in arrays else next(iter(arrays.values()))}
    if file.suffix.lower() in IMAGES:
        return {name: load_image(file, specs[name])}
    raise InputError(
        f"--input {text}: {value!r} is neither a .npy, .npz or image file nor random values such as float32[1,3,32,32]"
    )


def load_image(file: Path, spec: TensorSpec) -> Array:
    """An image as float32 in 0..1, [1,C,H,W] or [C,H,W] as `spec` wants it. Nothing is resized.

    Raises `InputError` where the file is no image, or `spec` is no image or of another size.
    """
    with needs_command():
        from PIL import Image, UnidentifiedImageError

    shape = spec.shape[-3:]
    batch = spec.shape[:-3]
    if spec.dtype != "float32" or len(spec.shape) not in (3, 4) or shape[0] not in (1, 3):
        raise InputError(
            f"--input {spec.name}={file}: the input is {describe(spec)}, and an image is given to float32[1,C,H,W] or "
            f"float32[C,H,W] with C 1 or 3; pass a .npy file"
        )
    if batch and batch[0] != 1 and not isinstance(batch[0], str):
        raise InputError(f"--input {spec.name}={file}: the input is {describe(spec)}, and one image is a batch of 1")
    if not file.is_file():
        raise InputError(f"--input {spec.name}: there is no file {file}")
    try:
        with Image.open(file) as image:
            pixels = np.asarray(image.convert("RGB" if shape[0] == 3 else "L"))
    except (UnidentifiedImageError, OSError) as error:
        raise InputError(f"--input {spec.name}: {file} cannot be read as an image: {error}") from error
    height, width = pixels.shape[:2]
    if any(isinstance(want, int) and want != size for want, size in zip(shape[1:], (height, width))):
        raise InputError(
            f"--input {spec.name}: {file} is {width} pixels wide and {height} high, the input is {describe(spec)}: "
            f"resize the image first; it is not resized here, since how would change the result"
        )
    planes = pixels.transpose(2, 0, 1) if pixels.ndim == 3 else pixels[None]
    scaled = np.ascontiguousarray(planes, dtype=np.float32) / np.float32(255)
    return scaled[None] if batch else scaled


def random_array(
    spec: TensorSpec, sizes: Mapping[str, int], like: Array | None, generator: np.random.Generator
) -> Array:
    """Random values for an input: floats standard normal, ints within the range of `like`, a sample of it.

    A named dimension has the size in `sizes`, else that of `like`, else 1. Raises `InputError` for ints without a
    sample, whose range nobody knows.
    """
    shape = tuple(
        dim if isinstance(dim, int) else sizes.get(dim, like.shape[axis] if like is not None else 1)
        for axis, dim in enumerate(spec.shape)
    )
    dtype = np.dtype(spec.dtype)
    if dtype.kind == "f":
        return generator.standard_normal(shape).astype(dtype)
    if dtype.kind == "b":
        return generator.integers(0, 2, shape).astype(dtype)
    if like is None or like.size == 0:
        raise InputError(
            f"--random cannot tell the range of input {spec.name!r}, {describe(spec)}: give it, for example --input "
            f'"{spec.name}={spec.dtype}[{",".join(map(str, shape))}]:0..1000"'
        )
    return generator.integers(like.min(), like.max(), shape, dtype=dtype, endpoint=True)


def parse_sizes(texts: Sequence[str], wanted: Sequence[TensorSpec]) -> dict[str, int]:
    """The --size options. Raises `InputError` for one that is not NAME=N with a dimension's name."""
    names = {dim for spec in wanted for dim in spec.shape if isinstance(dim, str)}
    sizes = {}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in names or not value.isdecimal() or int(value) < 1:
            known = ", ".join(sorted(names)) or "none"
            raise InputError(f"--size {text!r} is not DIM=N with N at least 1; the named dimensions are: {known}")
        sizes[name] = int(value)
    return sizes
