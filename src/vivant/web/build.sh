#!/bin/sh
# Compiles the engine of the page, with and without relaxed SIMD; needs clang and wasm-ld, 16 or newer (Debian: clang-16,
# lld-16), named by CC. The first argument is the folder, by default page.
set -e
cd "$(dirname "$0")"
set -- "${1:-page}" "${CC:-clang-16}" --target=wasm32 -std=c11 -Wall -Wextra -Werror -O3 -msimd128 -mbulk-memory -nostdlib \
  -Wl,--no-entry -Wl,--strip-all
folder=$1 && shift
"$@" -o "$folder/engine.wasm" engine.c
"$@" -mrelaxed-simd -o "$folder/engine_relaxed.wasm" engine.c
