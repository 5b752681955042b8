"""What every pack has in common: the manifest, and one archive of it all."""

import hashlib
import json
import zipfile
from pathlib import Path


def toml_text(value) -> str:
    return json.dumps(value) if isinstance(value, (str, bool)) else repr(value)


def write(manifest: dict, tables: dict[str, dict], parts: dict[str, bytes], out: Path | None, archive: Path | None) -> str:
    """Writes the parts with their manifest, which has `tables` by name, as a folder and as one .tpack archive, whichever is named.

    Returns what files and additions call the pack: the beginning of the manifest's SHA-256, 16 hexadecimal digits.
    """
    lines = [f"{k} = {toml_text(v)}" for k, v in manifest.items()]
    for name, table in tables.items():
        lines += ["", f"[{name}]"] + [f"{k} = {toml_text(v)}" for k, v in table.items()]
    for name, data in parts.items():
        lines += ["", "[[part]]", f'file = "{name}"', f"bytes = {len(data)}", f'sha256 = "{hashlib.sha256(data).hexdigest()}"']
    files = {"pack.toml": ("\n".join(lines) + "\n").encode(), **parts}
    if out:
        out.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (out / name).write_bytes(data)
    if archive:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as pack:
            for name, data in files.items():
                pack.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED, 9)
        print(f"{archive}: {archive.stat().st_size} bytes")
    name = hashlib.sha256(files["pack.toml"]).hexdigest()[:16]
    print(f"{manifest['id']}: {name}")
    return name
