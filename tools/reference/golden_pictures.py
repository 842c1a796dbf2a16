"""Writes small pictures of many kinds and, for each, what Pillow's Image.open(...).convert("RGB") makes of it (NAME.ppm).

usage: golden_pictures.py OUT_DIR
"""
import io, os, struct, sys, zlib
from PIL import Image, ImageCms, ImageDraw, ImageOps

out = sys.argv[1]
os.makedirs(out, exist_ok=True)


def scene(w=41, h=29):
    """A gradient with hard edges in strong colours: chroma, rounding and order mistakes all show."""
    img = Image.new("RGB", (w, h))
    img.putdata([(x * 255 // (w - 1), y * 255 // (h - 1), (x * 7 + y * 13) % 256) for y in range(h) for x in range(w)])
    d = ImageDraw.Draw(img)
    d.rectangle([5, 4, 15, 14], fill=(214, 39, 40))
    d.ellipse([18, 8, 34, 24], fill=(31, 80, 200))
    d.polygon([(4, 27), (12, 16), (20, 27)], fill=(240, 210, 20))
    return img


def alpha(w, h):
    img = Image.new("L", (w, h))
    img.putdata([(x * 17 + y * 5) % 256 if (x + y) % 7 else 0 for y in range(h) for x in range(w)])
    return img


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(name, w, h, depth, color, rows, extra=b"", interlace=0):
    """A PNG from its raw rows (filter 0), for the kinds that Pillow does not write."""
    raw = b"".join(b"\0" + r for r in rows)
    head = struct.pack(">IIBBBBB", w, h, depth, color, 0, 0, interlace)
    write(name, b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))


def write(name, data):
    with open(os.path.join(out, name), "wb") as f:
        f.write(data)


def save(img, name, **kw):
    img.save(os.path.join(out, name), **kw)


def saved(img, **kw):
    b = io.BytesIO()
    img.save(b, **kw)
    return b.getvalue()


rgb = scene()
w, h = rgb.size
a = alpha(w, h)
px = rgb.load()
wide = lambda v, x, y: v * 256 + (x * 31 + y * 17) % 256  # the low byte matters to whoever rounds instead of cutting

# PNG
png("rgb16.png", w, h, 16, 2, [b"".join(struct.pack(">HHH", *(wide(v, x, y) for v in px[x, y])) for x in range(w)) for y in range(h)])
png("rgba16.png", w, h, 16, 6, [b"".join(struct.pack(">HHHH", *(wide(v, x, y) for v in px[x, y]), wide(a.getpixel((x, y)), x, y)) for x in range(w)) for y in range(h)])
png("la16.png", w, h, 16, 4, [b"".join(struct.pack(">HH", wide(px[x, y][1], x, y), wide(a.getpixel((x, y)), x, y)) for x in range(w)) for y in range(h)])
png("grey16.png", w, h, 16, 0, [b"".join(struct.pack(">H", wide(px[x, y][1], x, y)) for x in range(w)) for y in range(h)])
grey4 = [bytes((px[x, y][1] // 16 << 4) | (px[x + 1, y][1] // 16 if x + 1 < w else 0) for x in range(0, w, 2)) for y in range(h)]
png("grey4.png", w, h, 4, 0, grey4)
png("rgb-color-key.png", w, h, 8, 2, [b"".join(bytes(px[x, y]) for x in range(w)) for y in range(h)], chunk(b"tRNS", struct.pack(">HHH", 214, 39, 40)))
png("rgb-gamma-1.png", w, h, 8, 2, [b"".join(bytes(px[x, y]) for x in range(w)) for y in range(h)], chunk(b"gAMA", struct.pack(">I", 100000)))
adam = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
png("rgb-interlaced.png", w, h, 8, 2, [b"".join(bytes(px[x, y]) for x in range(x0, w, dx)) for x0, y0, dx, dy in adam for y in range(y0, h, dy)], interlace=1)
save(rgb.convert("1"), "bilevel.png")
p = rgb.quantize(5)
save(p, "palette-4-bit.png", bits=4)
save(rgb.quantize(60), "palette-transparent.png", transparency=bytes([0, 128, 255, 7, 90]))
rgba = rgb.copy()
rgba.putalpha(a)
save(rgba, "rgba.png")

# JPEG
for name, kw in dict(j444=dict(subsampling=0), j422=dict(subsampling=1), j420=dict(subsampling=2), progressive=dict(progressive=True), low=dict(quality=10)).items():
    save(rgb, f"{name}.jpg", **kw)
save(rgb.convert("L"), "grey.jpg")
cmyk = Image.merge("CMYK", [*rgb.convert("CMYK").split()[:3], Image.new("L", rgb.size, 40)])
save(cmyk, "cmyk.jpg", quality=90)
exif = Image.Exif()
exif[0x0112] = 6
save(rgb, "exif-6.jpg", exif=exif.tobytes(), quality=90)
exif[0x0112] = 4
save(rgb, "exif-4.jpg", exif=exif.tobytes(), quality=90)

# A profile with red and green exchanged: whoever manages colours shows it at once.
profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
at = {bytes(profile[132 + 12 * i:136 + 12 * i]): 132 + 12 * i for i in range(struct.unpack_from(">I", profile, 128)[0])}
r, g = at[b"rXYZ"] + 4, at[b"gXYZ"] + 4
profile[24:36] = bytes(12)  # the date, so that a second run writes the same bytes
profile[r:r + 4], profile[g:g + 4] = profile[g:g + 4], profile[r:r + 4]
save(rgb, "profile.png", icc_profile=bytes(profile))
save(rgb, "profile.jpg", icc_profile=bytes(profile), quality=90)
la = Image.merge("LA", [rgb.convert("L"), a])
save(la, "la-profile.png", icc_profile=bytes(profile))

# GIF
p = rgb.quantize(16)
turned = rgb.transpose(Image.ROTATE_180).quantize(16)
save(p, "animated.gif", save_all=True, append_images=[turned], duration=80, loop=0)
save(p, "transparent.gif", transparency=3)
save(p, "interlaced.gif", interlace=1)


def placed(data, transparency):
    """The same frame on a larger canvas, off its corner: the rest is what a decoder makes of it."""
    b = bytearray(data)
    struct.pack_into("<HH", b, 6, 60, 50)
    table = 13 + 3 * (2 << (b[10] & 7))
    if b[table] == 0x21 and b[table + 1] == 0xF9:
        image = table + 8
    else:
        image = table
    assert b[image] == 0x2C, hex(b[image])
    struct.pack_into("<HH", b, image + 1, 9, 6)
    return bytes(b)


write("offset.gif", placed(saved(p, format="GIF"), None))
write("offset-transparent.gif", placed(saved(p, format="GIF", transparency=5), 5))

# WebP
save(rgb, "lossy.webp", quality=60)
save(rgba, "lossless-alpha.webp", lossless=True, exact=True)
save(rgba, "lossy-alpha.webp", quality=70)
save(rgb, "animated.webp", save_all=True, append_images=[turned.convert("RGB")], duration=80, lossless=True)

# BMP
save(rgb.quantize(200), "palette.bmp")
save(rgb.convert("1"), "bilevel.bmp")
save(rgba, "rgba.bmp")
save(rgb.convert("L"), "grey.bmp")
five = b"".join(b"".join(struct.pack("<H", (px[x, y][0] >> 3) << 10 | (px[x, y][1] >> 3) << 5 | px[x, y][2] >> 3) for x in range(w)) + b"\0" * (-2 * w % 4) for y in reversed(range(h)))
write("rgb555.bmp", b"BM" + struct.pack("<IHHI", 54 + len(five), 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, w, h, 1, 16, 0, len(five), 2835, 2835, 0, 0) + five)

save(rgb, "icon.ico", sizes=[(8, 8), (16, 16)])

for name in sorted(os.listdir(out)):
    if name.endswith(".ppm"):
        continue
    img = Image.open(os.path.join(out, name))
    mode = img.mode
    img.convert("RGB").save(os.path.join(out, name + ".ppm"))
    if name.startswith("exif"):
        ImageOps.exif_transpose(img).convert("RGB").save(os.path.join(out, name + ".upright.ppm"))
    print(name, mode, img.size)
