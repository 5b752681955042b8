#!/bin/sh
# Installs what building and running tessera needs and this machine lacks:
# a C toolchain and FFmpeg's libraries (system packages, only if absent) and the
# pinned ONNX Runtime library (user data directory, checked by SHA-256). Safe to
# run again, and at the same time as another run.
#   ./setup.sh                   install what is missing
#   ./setup.sh --check           change nothing; exit 1 if something is missing
#   ./setup.sh --without-ffmpeg  all but FFmpeg's libraries, for a build without them
set -eu

ORT_VERSION=1.31.1
RUST_MIN=1.92

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

check_only=no
with_ffmpeg=yes
case "${1-}" in
  '') ;;
  --without-ffmpeg) with_ffmpeg=no ;;
  --check) check_only=yes ;;
  -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) die "unknown option $1; use no option, --check, --without-ffmpeg or --help" ;;
esac

# One line per platform: the wheel tag that carries the library, the library's
# name, and its SHA-256.
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64 | Linux-amd64)
    tag=manylinux_2_28_x86_64 lib=libonnxruntime.so.$ORT_VERSION link=libonnxruntime.so
    sum=fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3 ;;
  Linux-aarch64 | Linux-arm64)
    tag=manylinux_2_28_aarch64 lib=libonnxruntime.so.$ORT_VERSION link=libonnxruntime.so
    sum=8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467 ;;
  Darwin-arm64)
    tag=macosx_14_0_arm64 lib=libonnxruntime.$ORT_VERSION.dylib link=libonnxruntime.dylib
    sum=d586cbe89effc085a09d3341b3cfbd5c322517f9d397aeb20814af21433f2b36 ;;
  *) die "no pinned ONNX Runtime for $(uname -s) on $(uname -m); install ONNX Runtime $ORT_VERSION yourself and pass its path with --ort-lib or TESSERA_ORT_LIB" ;;
esac

# Under sudo the library belongs to the user who called it, not to root.
owner=
if [ "$(id -u)" = 0 ] && [ -n "${SUDO_USER-}" ] && [ "$SUDO_USER" != root ]; then
  owner=$SUDO_USER
  if have getent; then HOME=$(getent passwd "$owner" | cut -d: -f6); else HOME=$(eval "echo ~$owner"); fi
fi
case "$(uname -s)" in
  Darwin) data="$HOME/Library/Application Support" ;;
  *) data=${XDG_DATA_HOME:-$HOME/.local/share} ;;
esac
dest=$data/tessera/lib

sha256() { if have sha256sum; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1; }
runtime_ready() { [ -e "$dest/$link" ] && [ -f "$dest/$lib" ] && [ "$(sha256 "$dest/$lib")" = "$sum" ]; }
toolchain_ready() { have cc || have gcc || have clang; }
# FFmpeg's libraries, and libclang, which the binding to them is made with.
ffmpeg_ready() {
  have pkg-config && pkg-config --exists libavcodec libavformat libavutil libswscale 2>/dev/null &&
    { [ "$(uname -s)" = Darwin ] || [ -n "${LIBCLANG_PATH-}" ] || ls /usr/lib/llvm-*/lib/libclang*.so* >/dev/null 2>&1 || ! have dpkg; }
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif have sudo; then sudo "$@"
  else die "need root to run '$*'; run it yourself, then ./setup.sh again"; fi
}
apt_updated=no
apt_install() {
  have apt-get || die "please install $* with your package manager, then run ./setup.sh again"
  say "installing $* (apt)"
  if [ $apt_updated = no ]; then as_root apt-get -o DPkg::Lock::Timeout=300 update -qq; apt_updated=yes; fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
    install -y -qq --no-install-recommends "$@" >/dev/null ||
    die "apt could not install $*; see the lines above"
}

# 1. Rust is not ours to install, but its absence should not end in a riddle.
if ! have cargo; then die "cargo is missing; install Rust $RUST_MIN or newer (rustup), then run ./setup.sh again"; fi
rust=$(rustc --version 2>/dev/null | cut -d' ' -f2)
case "$rust" in
  0.* | 1.[0-9].* | 1.[0-8][0-9].* | 1.9[01].*)
    die "Rust $rust is too old, $RUST_MIN or newer is needed; run 'rustup update', then ./setup.sh again" ;;
esac

if [ $check_only = yes ]; then
  missing=0
  toolchain_ready || { say "missing: a C compiler"; missing=1; }
  ffmpeg_ready || { say "missing: FFmpeg's libraries with their headers, or libclang"; missing=1; }
  runtime_ready || { say "missing: ONNX Runtime $ORT_VERSION in $dest"; missing=1; }
  [ $missing = 1 ] || say "nothing is missing"
  exit $missing
fi

# 2. C toolchain: build scripts and the linker need it.
if ! toolchain_ready; then
  case "$(uname -s)" in
    Darwin) die "the C toolchain is missing; run 'xcode-select --install', then ./setup.sh again" ;;
    *) apt_install gcc libc6-dev ;;
  esac
fi

# 3. FFmpeg's libraries: videos.
if [ $with_ffmpeg = yes ] && ! ffmpeg_ready; then
  case "$(uname -s)" in
    Darwin) have brew || die "FFmpeg's libraries are missing; install them (brew install ffmpeg pkg-config), then run ./setup.sh again, or build without them: make FFMPEG=no"
      brew install --quiet ffmpeg pkg-config ;;
    *) apt_install pkg-config clang libclang-dev libavcodec-dev libavformat-dev libavutil-dev libswscale-dev ;;
  esac
fi

# 4. ONNX Runtime.
if runtime_ready; then
  say "ready (ONNX Runtime $ORT_VERSION in $dest)"
  exit 0
fi

pip_command() {
  for candidate in "python3 -m pip" pip3 pip; do
    # shellcheck disable=SC2086 # the candidate is a command with its arguments
    if $candidate --version >/dev/null 2>&1; then echo "$candidate"; return 0; fi
  done
  return 1
}
if ! have python3 || ! pip_command >/dev/null; then
  case "$(uname -s)" in
    Darwin) die "python3 with pip is missing; run 'xcode-select --install', then ./setup.sh again" ;;
    *) apt_install python3 python3-pip ca-certificates ;;
  esac
fi
pip=$(pip_command) || die "pip does not run; repair it (python3 -m ensurepip), then ./setup.sh again"

mkdir -p "$dest" || die "cannot create $dest; check its permissions or set XDG_DATA_HOME"
work=$(mktemp -d "$dest/.setup.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say "fetching ONNX Runtime $ORT_VERSION (about 25 MB) into $dest"
# shellcheck disable=SC2086
$pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
  --python-version 3.12 --platform "$tag" --dest "$work" "onnxruntime==$ORT_VERSION" ||
  die "pip could not fetch onnxruntime $ORT_VERSION; check the network and run ./setup.sh again, or pass your own library with --ort-lib"

python3 - "$work" "$lib" <<'PY' || die "the fetched package holds no $lib; run ./setup.sh again"
import glob, os, shutil, sys, zipfile
work, lib = sys.argv[1:]
with zipfile.ZipFile(glob.glob(os.path.join(work, "*.whl"))[0]) as wheel:
    for member, name in (("onnxruntime/capi/" + lib, lib), ("onnxruntime/LICENSE", "ONNXRUNTIME-LICENSE")):
        with wheel.open(member) as src, open(os.path.join(work, name), "wb") as out:
            shutil.copyfileobj(src, out)
PY

got=$(sha256 "$work/$lib")
[ "$got" = "$sum" ] || die "ONNX Runtime is not the pinned one (sha256 $got, expected $sum); nothing was installed; run ./setup.sh again"
chmod 755 "$work/$lib"
ln -s "$lib" "$work/$link"
mv -f "$work/ONNXRUNTIME-LICENSE" "$dest/ONNXRUNTIME-LICENSE"
mv -f "$work/$lib" "$dest/$lib"
mv -f "$work/$link" "$dest/$link"
[ -z "$owner" ] || chown -R "$owner" "$data/tessera"
say "installed ONNX Runtime $ORT_VERSION in $dest"
