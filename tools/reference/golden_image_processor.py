"""Writes what CLIPImageProcessor makes of small pictures under many settings: all six filters, enlarged and reduced, crops, arrays of floats in either
channel order. One JSON object a line; pictures are made by a rule, results are hashes with their first values, so the file stays small.

The steps are transformers' own functions in the order of its (slow, Pillow-based) CLIPImageProcessor. They need numpy, Pillow and transformers, not torch.
Written with Pillow 13.0.0, numpy 2.4.6, transformers 5.12.1 (whose image_transforms is that of 4.57). Before Pillow 13 rows were always resized first.

usage: golden_image_processor.py OUT_FILE
"""
import hashlib, json, sys
import numpy as np
import PIL
from transformers.image_transforms import center_crop, get_resize_output_image_size, normalize, rescale, resize, to_channel_dimension_format
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD, infer_channel_dimension_format

DEFAULTS = dict(do_resize=True, size={"height": 224, "width": 224}, resample=3, do_center_crop=True, crop_size={"height": 224, "width": 224},
                do_rescale=True, rescale_factor=1 / 255, do_normalize=True, image_mean=OPENAI_CLIP_MEAN, image_std=OPENAI_CLIP_STD)


def noise(count, seed):
    """A linear congruential generator's bits 16 to 31."""
    state, values = seed, np.empty(count, dtype=np.int64)
    for i in range(count):
        state = (1103515245 * state + 12345) % 2**31
        values[i] = state >> 15
    return values


def picture(kind, shape, seed):
    """kind: bytes; or float32 of fractions, of whole numbers, of whole numbers and halves, of zeros and ones, of numbers around 0."""
    n = noise(int(np.prod(shape)), seed).reshape(shape)
    return dict(bytes=lambda: (n >> 8).astype(np.uint8), fractions=lambda: (n / 65535).astype(np.float32), whole=lambda: (n >> 8).astype(np.float32),
                halves=lambda: ((n >> 7) / 2).astype(np.float32), binary=lambda: (n >> 15).astype(np.float32),
                signed=lambda: (n / 32768 - 1).astype(np.float32))[kind]()


def process(image, order, s):
    s = DEFAULTS | s
    order = order or infer_channel_dimension_format(image)
    if s["do_resize"]:
        square = "shortest_edge" not in s["size"]
        size = (s["size"]["height"], s["size"]["width"]) if square else s["size"]["shortest_edge"]
        size = get_resize_output_image_size(image, size=size, default_to_square=square, input_data_format=order)
        image = resize(image, size=size, resample=s["resample"], input_data_format=order)
    if s["do_center_crop"]:
        image = center_crop(image, (s["crop_size"]["height"], s["crop_size"]["width"]), input_data_format=order)
    if s["do_rescale"]:
        image = rescale(image, s["rescale_factor"], input_data_format=order)
    if s["do_normalize"]:
        image = normalize(image, s["image_mean"], s["image_std"], input_data_format=order)
    return to_channel_dimension_format(image, "channels_first", input_channel_dim=order)


rows = []


def add(name, kind, shape, order=None, **settings):
    seed = 1000 + len(rows)
    settings = dict(size=DEFAULTS["size"]) | settings  # where a file leaves it out, the shortest edge is meant
    row = dict(name=name, kind=kind, shape=shape, seed=seed, input_data_format=order, settings=settings)
    try:
        values = np.ascontiguousarray(process(picture(kind, shape, seed), order, settings)).astype("<f4")
        row |= dict(output_shape=values.shape, sha256=hashlib.sha256(values.tobytes()).hexdigest(), first=[float(v) for v in values.flat[:4]])
    except ValueError as e:
        row |= dict(error="ValueError", message=str(e))
    rows.append(row)


WHOLE = dict(do_center_crop=False)
NAMES = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]
for number, name in enumerate(NAMES):
    def to(what, h, w, height, width):
        add(f"{name}, {what}", "bytes", (h, w, 3), "channels_last", resample=number, size=dict(height=height, width=width), **WHOLE)
    to("enlarged", 5, 7, 31, 23)
    to("reduced", 61, 47, 9, 13)
    to("wider and lower", 40, 6, 11, 50)
    to("narrower and higher", 6, 41, 44, 9)
    to("columns first", 90, 20, 20, 10)
    to("just columns first", 52, 30, 11, 10)
    to("just rows first", 51, 30, 11, 10)
    to("one row", 1, 33, 8, 8)
    to("one column", 33, 1, 8, 8)
    to("one pixel", 1, 1, 4, 4)
    to("only the width", 12, 30, 12, 7)
    to("only the height", 30, 12, 7, 12)
    to("to one pixel", 17, 19, 1, 1)
    to("not at all", 16, 12, 16, 12)
    to("by a whole factor", 48, 48, 12, 16)
    to("the model's size", 37, 53, 224, 224)
    add(f"{name}, shortest edge and a crop", "bytes", (45, 70, 3), "channels_last", resample=number, size=dict(shortest_edge=24), crop_size=dict(height=24, width=24))
    add(f"{name}, shortest edge of a portrait", "bytes", (70, 45, 3), "channels_last", resample=number, size=dict(shortest_edge=24), **WHOLE)
    add(f"{name}, a crop with a border", "bytes", (19, 33, 3), "channels_last", resample=number, size=dict(height=15, width=40), crop_size=dict(height=22, width=21))
    add(f"{name}, fractions", "fractions", (21, 17, 3), "channels_last", resample=number, size=dict(height=12, width=26), do_rescale=False, **WHOLE)

SMALL = dict(size=dict(height=20, width=14), crop_size=dict(height=12, width=16))
AS_IS = dict(do_resize=False, do_center_crop=False)
for order, shape in ("channels_first", (3, 25, 18)), ("channels_last", (25, 18, 3)):
    for kind in "bytes", "fractions", "whole", "binary":
        add(f"{kind}, {order}", kind, shape, order, **SMALL)
        add(f"{kind}, {order}, found out", kind, shape, None, **SMALL)
        add(f"{kind}, {order}, not rescaled", kind, shape, order, do_rescale=False, **SMALL)
        add(f"{kind}, {order}, not resized", kind, shape, order, do_resize=False, crop_size=dict(height=12, width=30))
        add(f"{kind}, {order}, as it is", kind, shape, order, do_rescale=False, do_normalize=False, **AS_IS)
    for kind in "halves", "signed":
        add(f"{kind}, {order}", kind, shape, order, **SMALL)
        add(f"{kind}, {order}, not resized", kind, shape, order, **AS_IS)
add("one pixel of fractions", "fractions", (1, 1, 3), "channels_last")
add("one pixel of fractions, channels first", "fractions", (3, 1, 1), "channels_first")
add("three by three, channels first", "fractions", (3, 3, 3), "channels_first", **SMALL)
add("three by three, channels last", "fractions", (3, 3, 3), "channels_last", **SMALL)
add("four channels", "bytes", (8, 8, 4), None, **SMALL)
add("another factor", "bytes", (9, 9, 3), "channels_last", rescale_factor=0.1, **SMALL)
add("other means", "bytes", (9, 9, 3), "channels_last", image_mean=[0.5, 0.4, 0.3], image_std=[0.1, 2.0, 0.7], **SMALL)
add("one mean for all", "bytes", (9, 9, 3), "channels_last", image_mean=0.5, image_std=0.25, **SMALL)
add("not normalised", "bytes", (9, 9, 3), "channels_last", do_normalize=False, **SMALL)
add("neither rescaled nor normalised", "bytes", (9, 9, 3), "channels_last", do_normalize=False, do_rescale=False, **SMALL)

with open(sys.argv[1], "w") as f:
    for row in rows:
        f.write(json.dumps(row) + "\n")
print(len(rows), "cases, Pillow", PIL.__version__, "numpy", np.__version__)
