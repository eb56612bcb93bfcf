#!/bin/sh
# Compiles the engine of the page; needs clang and wasm-ld (Debian: clang, lld).
set -e
cd "$(dirname "$0")"
clang --target=wasm32 -std=c11 -Wall -Wextra -Werror -O3 -msimd128 -mbulk-memory -nostdlib -Wl,--no-entry \
  -Wl,--strip-all -o "${1:-page/engine.wasm}" engine.c
