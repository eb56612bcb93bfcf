/* The live student engine of the page: one character, 45 numbers in, 512 x 512 RGBA out.

   It leaves out what cannot be seen, as live_student.py does, in 16-bit integers. Phases are in turns and a quarter
   behind, so that sin(z) = cos(2 pi u); a turn is 2^32 in sums and 2^16 in 16 bits, and overflow is what a phase
   does anyway. Activations are in 1/32768; with relaxed SIMD, which sums products of bytes, most layers are computed in
   bytes. The coarser levels are computed on fewer points than published, as many as the character needs (pack.py), and
   read by cubic interpolation; the motion is computed at 128 where something shows, and at 256 and at 512 where it bends
   across contrasts.

   The character comes as one block of memory, written by pack.py: a directory of 32-bit numbers, then what it names.
   Build: see build.sh. */
#include <stdint.h>
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define ALIGNED __attribute__((aligned(16)))

enum { SIZE = 512, HALF = 256, CELLS = 128, COARSE = 32, PAD = 2 };
enum { FACE = 128, FACE_HALF = 64, FACE_EARLY = 48, FACE_TOP = 80, FACE_LEFT = 192, POSE = 45 };
enum { BLOCK = 48, TILE = 4, WIDEST = 360, FEATURES = 184, FINE = 96, FACE_WIDTH = 128, MOST_UNITS = 2048 };
enum { LEVELS = 65535 };
#define FAINT 0.02f
#define FAINTEST (0.5f / 255)
#define MAGIC 0x32564956

typedef struct { int32_t width, poses, pose, x, y, bias; } First;      /* offsets of floats, in turns */
typedef struct { int32_t inputs, width, shift, weights, bias; } Dense; /* 16-bit weights; bias: a turn is 2^32; once in bytes, shift: the place of its units */
typedef struct { int32_t inputs, width, weights, scale, bias; } Linear;
typedef struct { First first; Dense dense[2]; Linear linear; } Level;
typedef struct {
  int32_t magic, bytes, picture, sides[2]; /* sides: points that the two coarser levels are computed on */
  First first;                             /* the face */
  Dense early[2];
  Linear middle;
  Dense late[4];
  Linear last;
  Level level[3];
  int32_t thin;                            /* bytes: where half the resolution of the face misses thin lines */
} Character;
typedef struct { int16_t row, column; } Point;

static uint8_t *block;
static const Character *character;
static float bent_cell = 0.7f, bent_body = 0.7f, bent_face = 0.14f; /* where a bend counts */

/* What the activations that a layer reads are kept as: 16 bits; or, where one instruction sums four products of bytes,
   signed bytes, which meet weights of 14 bits in two parts, or the bytes 0..127, which meet weights of 8 bits. Which
   layers bear that was measured: the first one after a level's sampling and the last ones of the motion do not. */
typedef enum { WIDE, SIGNED, UNSIGNED } Kind;
#ifdef __wasm_relaxed_simd__
static const Kind KINDS[3][3] = {{UNSIGNED, UNSIGNED, UNSIGNED}, {WIDE, SIGNED, SIGNED}, {UNSIGNED, WIDE, WIDE}};
static const Kind KINDS_OF_FACE[5] = {UNSIGNED, UNSIGNED, UNSIGNED, UNSIGNED, UNSIGNED};
#else
static const Kind KINDS[3][3], KINDS_OF_FACE[5];
#endif

static int16_t activations[2][BLOCK * WIDEST] ALIGNED;
static float values[BLOCK * FEATURES] ALIGNED;
static int32_t units[MOST_UNITS] ALIGNED; /* of the sums of layers with bytes: a turn is 2^32 */
static float base[4][WIDEST] ALIGNED; /* what is the same everywhere: three levels, the face */
static float rough[(COARSE + 2 * PAD) * (COARSE + 2 * PAD) * FEATURES] ALIGNED;
static float coarse[(CELLS + 2 * PAD) * (CELLS + 2 * PAD) * FEATURES] ALIGNED;
static float grid[(HALF + 2 * PAD) * (HALF + 2 * PAD) * FINE] ALIGNED;
static float coarse_grid[(COARSE + 2 * PAD) * (COARSE + 2 * PAD) * FINE] ALIGNED;
static float coarse_motion[COARSE * COARSE * 8] ALIGNED, cell_motion[CELLS * CELLS * 8] ALIGNED, motion[HALF * HALF * 8] ALIGNED;
static float early_face[(FACE_EARLY + 2 * PAD) * (FACE_EARLY + 2 * PAD) * FACE_WIDTH] ALIGNED;
static float half_face[FACE_HALF * FACE_HALF * 4] ALIGNED, tone[FACE_HALF * FACE_HALF * 4] ALIGNED;
static float picture[SIZE * SIZE * 4] ALIGNED;
static float detail[CELLS * CELLS], detail_still[CELLS * CELLS], fine_detail[HALF * HALF], fine_detail_still[HALF * HALF];
static uint8_t wanted[CELLS * CELLS], showing[CELLS * CELLS], done[2][HALF * HALF];
static Point points[SIZE * SIZE];
static float pose[POSE];
static float light_of[256];
static uint8_t level_of[LEVELS + 1], drawn[SIZE * SIZE * 4] ALIGNED;

static inline float least(float a, float b) { return a < b ? a : b; }
static inline float most(float a, float b) { return a > b ? a : b; }
static inline float size_of(float a) { return a < 0 ? -a : a; }
static inline float within(float a, float low, float high) { return least(most(a, low), high); }
static inline int inside(int a, int low, int high) { return a < low ? low : a > high ? high : a; }
static inline const float *floats(int32_t offset) { return (const float *)(block + offset); }

/* ---- layers ---- */

/* Rounded products of eight numbers in 1/32768, of which no two are both -1. */
static inline v128_t times(v128_t a, v128_t b) {
#ifdef __wasm_relaxed_simd__
  typedef short Shorts __attribute__((vector_size(16)));
  return (v128_t)__builtin_wasm_relaxed_q15mulr_s_i16x8((Shorts)a, (Shorts)b);
#else
  return wasm_i16x8_q15mulr_sat(a, b);
#endif
}

/* Sine of eight phases: sin(pi x / 2) = x (c1 + c3 x^2 + c5 x^4) to 1e-4, x the distance to a quarter turn. */
static inline v128_t sine(v128_t turns) {
  v128_t quarter = wasm_i16x8_sub(wasm_i16x8_splat(16384), wasm_i16x8_abs(turns));
  v128_t x = wasm_i16x8_max(wasm_i16x8_add_sat(quarter, quarter), wasm_i16x8_splat(-32767)), square = times(x, x);
  v128_t sum = wasm_i16x8_add(times(square, wasm_i16x8_splat(2383)), wasm_i16x8_splat(-21077));
  sum = wasm_i16x8_add(times(square, sum), wasm_i16x8_splat(18698));
  return wasm_i16x8_add_sat(x, times(x, sum));
}

/* Eight phases as floats, -64..64 turns, to 16 bits: the last bits of 192 + turns are those after the point. */
static inline v128_t phases(v128_t a, v128_t b) {
  v128_t magic = wasm_f32x4_splat(192.0f);
  return wasm_i16x8_shuffle(wasm_f32x4_add(a, magic), wasm_f32x4_add(b, magic), 0, 2, 4, 6, 8, 10, 12, 14);
}

/* Eight sines to the activations `y`, from number `at` on. */
static inline void keep(Kind kind, void *y, int at, v128_t sines) {
  if (kind == WIDE) {
    wasm_v128_store((int16_t *)y + at, sines);
    return;
  }
  v128_t bytes = kind == SIGNED ? wasm_i16x8_shr(sines, 8) : wasm_i16x8_add(wasm_i16x8_shr(sines, 9), wasm_i16x8_const_splat(64));
  wasm_v128_store64_lane((uint8_t *)y + at, wasm_i8x16_narrow_i16x8(bytes, bytes), 0);
}

/* Sums of products for TILE points and eight channels; weights lie as [inputs / 2][8][2]. */
static inline void products(const int16_t *x, const int16_t *weights, int inputs, v128_t sums[TILE][2]) {
  for (int p = 0; p < TILE; p++) sums[p][0] = sums[p][1] = wasm_i32x4_const_splat(0);
  for (int k = 0; k < inputs; k += 8, weights += 64)
#pragma unroll
    for (int j = 0; j < 4; j++) {
      v128_t low = wasm_v128_load(weights + 16 * j), high = wasm_v128_load(weights + 16 * j + 8);
#pragma unroll
      for (int p = 0; p < TILE; p++) {
        v128_t pair = wasm_v128_load32_splat(x + p * inputs + k + 2 * j);
        sums[p][0] = wasm_i32x4_add(sums[p][0], wasm_i32x4_dot_i16x8(pair, low));
        sums[p][1] = wasm_i32x4_add(sums[p][1], wasm_i32x4_dot_i16x8(pair, high));
      }
    }
}

#ifdef __wasm_relaxed_simd__
/* Sums of four products each, added to `sums`; signed bytes by bytes of 0..127. */
static inline v128_t dot(v128_t bytes, v128_t small, v128_t sums) {
  typedef signed char Bytes __attribute__((vector_size(16)));
  typedef int Sums __attribute__((vector_size(16)));
  return (v128_t)__builtin_wasm_relaxed_dot_i8x16_i7x16_add_s_i32x4((Bytes)bytes, (Bytes)small, (Sums)sums);
}

/* `products` of bytes, added to `sums`; weights lie as [inputs / 4][8][4], and they or the activations are 0..127. */
static inline void byte_products(int small_weights, const uint8_t *x, const uint8_t *weights, int inputs, v128_t sums[TILE][2]) {
  for (int k = 0; k < inputs; k += 8, weights += 64)
#pragma unroll
    for (int j = 0; j < 2; j++) {
      v128_t low = wasm_v128_load(weights + 32 * j), high = wasm_v128_load(weights + 32 * j + 16);
#pragma unroll
      for (int p = 0; p < TILE; p++) {
        v128_t four = wasm_v128_load32_splat(x + p * inputs + k + 4 * j);
        sums[p][0] = small_weights ? dot(four, low, sums[p][0]) : dot(low, four, sums[p][0]);
        sums[p][1] = small_weights ? dot(four, high, sums[p][1]) : dot(high, four, sums[p][1]);
      }
    }
}

static int totals[BLOCK]; /* sums of the activations of each point, where they are signed */

static void add_up(const int8_t *x, int inputs, int count) {
  for (int p = 0; p < count; p++) {
    v128_t sum = wasm_i32x4_const_splat(0), ones = wasm_i8x16_const_splat(1);
    for (int k = 0; k < inputs; k += 8) sum = dot(wasm_v128_load64_zero(x + p * inputs + k), ones, sum);
    totals[p] = wasm_i32x4_extract_lane(sum, 0) + wasm_i32x4_extract_lane(sum, 1);
  }
}
#endif

/* Sums of products for TILE points from `p` on and the eight channels from `c` on, in the layer's own unit. */
static inline void multiply(Kind kind, const void *x, const uint8_t *weights, int inputs, int p, int c, v128_t sums[TILE][2]) {
  (void)kind;
  weights += 2 * c * inputs;
#ifdef __wasm_relaxed_simd__
  const uint8_t *bytes = (const uint8_t *)x + p * inputs;
  if (kind == UNSIGNED) {
    for (int q = 0; q < TILE; q++) sums[q][0] = sums[q][1] = wasm_i32x4_const_splat(0);
    byte_products(0, bytes, weights, inputs, sums);
    return;
  }
  if (kind == SIGNED) { /* the first part counts from 64 on, so that nothing is negative */
    for (int q = 0; q < TILE; q++) sums[q][0] = sums[q][1] = wasm_i32x4_splat(-64 * totals[p + q]);
    byte_products(1, bytes, weights, inputs, sums);
    for (int q = 0; q < TILE; q++)
      for (int h = 0; h < 2; h++) sums[q][h] = wasm_i32x4_shl(sums[q][h], 7);
    byte_products(1, bytes, weights + 8 * inputs, inputs, sums);
    return;
  }
#endif
  products((const int16_t *)x + p * inputs, (const int16_t *)weights, inputs, sums);
}

static inline void dense_of(Kind kind, const Dense *layer, const void *x, int count, Kind next, void *y) {
  const int32_t *bias = (const int32_t *)(block + layer->bias);
  for (int c = 0; c < layer->width; c += 8) {
    v128_t low = wasm_v128_load(bias + c), high = wasm_v128_load(bias + c + 4), unit[2];
    if (kind != WIDE) unit[0] = wasm_v128_load(units + layer->shift + c), unit[1] = wasm_v128_load(units + layer->shift + c + 4);
    for (int p = 0; p < count; p += TILE) {
      v128_t sums[TILE][2];
      multiply(kind, x, block + layer->weights, layer->inputs, p, c, sums);
#pragma unroll
      for (int q = 0; q < TILE; q++) {
        v128_t a = kind == WIDE ? wasm_i32x4_shl(sums[q][0], layer->shift) : wasm_i32x4_mul(sums[q][0], unit[0]);
        v128_t b = kind == WIDE ? wasm_i32x4_shl(sums[q][1], layer->shift) : wasm_i32x4_mul(sums[q][1], unit[1]);
        a = wasm_i32x4_add(a, low), b = wasm_i32x4_add(b, high);
        keep(next, y, (p + q) * layer->width + c, sine(wasm_i16x8_shuffle(a, b, 1, 3, 5, 7, 9, 11, 13, 15)));
      }
    }
  }
}

static inline void linear_of(Kind kind, const Linear *layer, const void *x, int count, float *y) {
  const float *scale = floats(layer->scale), *bias = floats(layer->bias);
  for (int c = 0; c < layer->width; c += 8)
    for (int p = 0; p < count; p += TILE) {
      v128_t sums[TILE][2];
      multiply(kind, x, block + layer->weights, layer->inputs, p, c, sums);
#pragma unroll
      for (int q = 0; q < TILE; q++)
        for (int h = 0; h < 2; h++) {
          v128_t value = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sums[q][h]), wasm_v128_load(scale + c + 4 * h));
          wasm_v128_store(y + (p + q) * layer->width + c + 4 * h, wasm_f32x4_add(value, wasm_v128_load(bias + c + 4 * h)));
        }
    }
}

/* `kind` of `x`, `next` of `y`. */
static void dense(Kind kind, const Dense *layer, const void *x, int count, Kind next, void *y) {
#ifdef __wasm_relaxed_simd__
  if (kind == SIGNED) add_up(x, layer->inputs, count), dense_of(SIGNED, layer, x, count, next, y);
  if (kind == UNSIGNED) dense_of(UNSIGNED, layer, x, count, next, y);
#endif
  if (kind == WIDE) dense_of(WIDE, layer, x, count, next, y);
}

static void linear(Kind kind, const Linear *layer, const void *x, int count, float *y) {
#ifdef __wasm_relaxed_simd__
  if (kind == SIGNED) add_up(x, layer->inputs, count), linear_of(SIGNED, layer, x, count, y);
  if (kind == UNSIGNED) linear_of(UNSIGNED, layer, x, count, y);
#endif
  if (kind == WIDE) linear_of(WIDE, layer, x, count, y);
}

static void set_base(const First *first, float *out) {
  const float *weights = floats(first->pose), *bias = floats(first->bias);
  for (int c = 0; c < first->width; c++) {
    float sum = bias[c];
    for (int k = 0; k < first->poses; k++) sum += pose[k] * weights[k * first->width + c];
    out[c] = sum;
  }
}

static inline float centre(int place, int size) { return (2 * place + 1) / (float)size - 1; }

/* First layer without a coarser level. */
static void begin(Kind kind, const First *first, const float *same, const Point *at, int count, int size, void *out) {
  const float *wx = floats(first->x), *wy = floats(first->y);
  for (int n = 0; n < count; n++) {
    v128_t x = wasm_f32x4_splat(centre(at[n].column, size)), y = wasm_f32x4_splat(centre(at[n].row, size)), sums[2];
    for (int c = 0; c < first->width; c += 8) {
      for (int h = 0; h < 2; h++) {
        v128_t part = wasm_f32x4_mul(x, wasm_v128_load(wx + c + 4 * h));
        part = wasm_f32x4_add(part, wasm_f32x4_mul(y, wasm_v128_load(wy + c + 4 * h)));
        sums[h] = wasm_f32x4_add(part, wasm_v128_load(same + c + 4 * h));
      }
      keep(kind, out, n * first->width + c, sine(phases(sums[0], sums[1])));
    }
  }
}

/* Weights of the four samples around the pixel `place` of `size` in `side` samples, and the first's place: cubic
   (Lagrange), or linear where a published size is read. */
static inline int taps(int place, int size, int side, int straight, float *w) {
  float at = (place + 0.5f) * side / size - 0.5f + 4;
  int first = (int)at;
  float f = at - first, f1 = f + 1, f2 = f - 1, f3 = f - 2;
  if (straight) w[0] = w[3] = 0, w[1] = 1 - f, w[2] = f;
  else w[0] = -f * f2 * f3 / 6, w[1] = f1 * f2 * f3 / 2, w[2] = -f1 * f * f3 / 2, w[3] = f1 * f * f2 / 6;
  return first - 5 + PAD;
}

/* Four samples, a step apart, by their weights. */
static inline v128_t blend(const float *tap, int step, const v128_t by[4]) {
  v128_t a = wasm_f32x4_add(wasm_f32x4_mul(wasm_v128_load(tap), by[0]), wasm_f32x4_mul(wasm_v128_load(tap + step), by[1]));
  v128_t b = wasm_f32x4_add(wasm_f32x4_mul(wasm_v128_load(tap + 2 * step), by[2]), wasm_f32x4_mul(wasm_v128_load(tap + 3 * step), by[3]));
  return wasm_f32x4_add(a, b);
}

/* First layer from a coarser level's phases `from` (side + 2 PAD squared, width). */
static void raise(Kind kind, const float *from, int side, int width, int straight, const Point *at, int count, int size, void *out) {
  int stride = (side + 2 * PAD) * width;
  for (int n = 0; n < count; n++) {
    if (size == side) {
      const float *here = from + (at[n].row + PAD) * stride + (at[n].column + PAD) * width;
      for (int c = 0; c < width; c += 8)
        keep(kind, out, n * width + c, sine(phases(wasm_v128_load(here + c), wasm_v128_load(here + c + 4))));
      continue;
    }
    float down[4], across[4];
    int row = taps(at[n].row, size, side, straight, down), column = taps(at[n].column, size, side, straight, across);
    const float *corner = from + row * stride + column * width;
    v128_t w[16];
    for (int i = 0; i < 16; i++) w[i] = wasm_f32x4_splat(down[i >> 2] * across[i & 3]);
    for (int c = 0; c < width; c += 8) {
      v128_t low = wasm_f32x4_const_splat(0), high = low;
#pragma unroll
      for (int i = 0; i < 16; i++) {
        const float *tap = corner + (i >> 2) * stride + (i & 3) * width + c;
        low = wasm_f32x4_add(low, wasm_f32x4_mul(w[i], wasm_v128_load(tap)));
        high = wasm_f32x4_add(high, wasm_f32x4_mul(w[i], wasm_v128_load(tap + 4)));
      }
      keep(kind, out, n * width + c, sine(phases(low, high)));
    }
  }
}

/* `raise` for points in squares of four, row by row: what the four read lies within five by five samples. */
static void raise_squares(Kind kind, const float *from, int side, int width, const Point *at, int count, int size, void *out) {
  int stride = (side + 2 * PAD) * width;
  for (int n = 0; n < count; n += 4) {
    float w[4][4]; /* of the two rows, then the two columns */
    int row = taps(at[n].row, size, side, 0, w[0]), more = taps(at[n + 2].row, size, side, 0, w[1]) - row;
    int column = taps(at[n].column, size, side, 0, w[2]), next = taps(at[n + 1].column, size, side, 0, w[3]) - column;
    v128_t weight[4][4];
    for (int i = 0; i < 16; i++) weight[i / 4][i % 4] = wasm_f32x4_splat(w[i / 4][i % 4]);
    const float *corner = from + row * stride + column * width;
    for (int c = 0; c < width; c += 8) {
      v128_t found[4][2];
#pragma unroll
      for (int h = 0; h < 2; h++) {
        v128_t rows[2][5];
        for (int k = 0; k < 4 + next; k++) {
          const float *tap = corner + k * width + c + 4 * h, *lower = tap + more * stride;
          rows[0][k] = blend(tap, stride, weight[0]), rows[1][k] = blend(lower, stride, weight[1]);
        }
#pragma unroll
        for (int p = 0; p < 4; p++) {
          const v128_t *these = rows[p / 2] + (p % 2 ? next : 0), *by = weight[2 + p % 2];
          v128_t a = wasm_f32x4_add(wasm_f32x4_mul(these[0], by[0]), wasm_f32x4_mul(these[1], by[1]));
          v128_t b = wasm_f32x4_add(wasm_f32x4_mul(these[2], by[2]), wasm_f32x4_mul(these[3], by[3]));
          found[p][h] = wasm_f32x4_add(a, b);
        }
      }
#pragma unroll
      for (int p = 0; p < 4; p++) keep(kind, out, (n + p) * width + c, sine(phases(found[p][0], found[p][1])));
    }
  }
}

static const float *finish(const Kind *kinds, const Dense *layers, int depth, const Linear *last, int count) {
  for (int i = 0; i < depth; i++) dense(kinds[i], &layers[i], activations[i & 1], count, kinds[i + 1], activations[~i & 1]);
  linear(kinds[depth], last, activations[depth & 1], count, values);
  return values;
}

/* ---- levels ---- */

/* What the level gives the finer one at `count` points of `size`, with that one's position and pose, to a padded grid. */
static void give(int which, const float *from, int side, const Point *at, int count, int size, float *to) {
  const Level *level = &character->level[which];
  const First *next = &character->level[which + 1].first;
  const float *wx = floats(next->x), *wy = floats(next->y), *same = base[which + 1];
  for (int start = 0; start < count; start += BLOCK) {
    int here = count - start < BLOCK ? count - start : BLOCK;
    if (which == 0) begin(KINDS[0][0], &level->first, base[0], at + start, here, size, activations[0]);
    else raise(KINDS[which][0], from, side, level->first.width, side == CELLS && size > side, at + start, here, size, activations[0]);
    const float *found = finish(KINDS[which], level->dense, 2, &level->linear, here);
    for (int n = 0; n < here; n++, found += next->width) {
      Point p = at[start + n];
      float *cell = to + ((p.row + PAD) * (size + 2 * PAD) + p.column + PAD) * next->width;
      v128_t x = wasm_f32x4_splat(centre(p.column, size)), y = wasm_f32x4_splat(centre(p.row, size));
      for (int c = 0; c < next->width; c += 4) {
        v128_t part = wasm_f32x4_mul(x, wasm_v128_load(wx + c));
        part = wasm_f32x4_add(part, wasm_f32x4_mul(y, wasm_v128_load(wy + c)));
        part = wasm_f32x4_add(part, wasm_v128_load(same + c));
        wasm_v128_store(cell + c, wasm_f32x4_add(part, wasm_v128_load(found + c)));
      }
    }
  }
}

/* Fill the rim of a padded grid: as at the border, `steps` (of y and x, for a way of 1) going on. */
static void pad(float *to, int size, int width, const float *down, const float *right) {
  int full = size + 2 * PAD;
  for (int across = 0; across < 2; across++)
    for (int line = across ? 0 : PAD; line < (across ? full : size + PAD); line++)
      for (int k = -PAD; k < PAD; k++) {
        int place = k < 0 ? PAD + k : size + PAD + k, edge = k < 0 ? PAD : size + PAD - 1;
        float *cell = to + (across ? line * full + place : place * full + line) * width;
        const float *border = to + (across ? line * full + edge : edge * full + line) * width;
        const float *step = across ? right : down;
        float off = (place - edge) * 2.0f / size;
        for (int c = 0; c < width; c++) cell[c] = border[c] + (step ? off * step[c] : 0);
      }
}

static void pad_level(float *to, int size, int which) {
  const First *first = &character->level[which].first;
  pad(to, size, first->width, floats(first->y), floats(first->x));
}

/* Motion of the finest level at `count` points: calls for each block. */
static const float *move(const float *from, int side, const Point *at, int count, int size) {
  const Level *level = &character->level[2];
  if (size > CELLS && side < HALF) raise_squares(KINDS[2][0], from, side, level->first.width, at, count, size, activations[0]);
  else raise(KINDS[2][0], from, side, level->first.width, side == HALF, at, count, size, activations[0]);
  finish(KINDS[2], level->dense, 2, &level->linear, count);
  for (int n = 0; n < count; n++) /* weights of a flow need more than 16 bits: what they lack comes after them */
    for (int h = 0; h < 8; h += 4)
      wasm_v128_store(values + 8 * n + h, wasm_f32x4_add(wasm_v128_load(values + 16 * n + h), wasm_v128_load(values + 16 * n + 8 + h)));
  return values;
}

static void move_all(const float *from, int side, const Point *at, int count, int size, float *to) {
  for (int start = 0; start < count; start += BLOCK) {
    int here = count - start < BLOCK ? count - start : BLOCK;
    const float *found = move(from, side, at + start, here, size);
    for (int n = 0; n < here; n++)
      for (int h = 0; h < 8; h += 4) {
        Point p = at[start + n];
        wasm_v128_store(to + (p.row * size + p.column) * 8 + h, wasm_v128_load(found + n * 8 + h));
      }
  }
}

static int all_points(int size) {
  for (int n = 0; n < size * size; n++) points[n] = (Point){n / size, n % size};
  return size * size;
}

/* ---- the picture ---- */

/* The four places of twice the side within one of `from` (side, side, lanes), read linearly, row by row. */
static inline void quarters(const float *from, int side, int lanes, int row, int column, v128_t out[4]) {
  int up = row ? -side * lanes : 0, down = row < side - 1 ? side * lanes : 0;
  int aside[3] = {column ? -lanes : 0, 0, column < side - 1 ? lanes : 0};
  v128_t most = wasm_f32x4_const_splat(0.75f), rest = wasm_f32x4_const_splat(0.25f), rows[2][3];
#pragma unroll
  for (int k = 0; k < 3; k++) {
    const float *at = from + (row * side + column) * lanes + aside[k];
    v128_t here = wasm_f32x4_mul(wasm_v128_load(at), most);
    rows[0][k] = wasm_f32x4_add(here, wasm_f32x4_mul(wasm_v128_load(at + up), rest));
    rows[1][k] = wasm_f32x4_add(here, wasm_f32x4_mul(wasm_v128_load(at + down), rest));
  }
#pragma unroll
  for (int k = 0; k < 4; k++)
    out[k] = wasm_f32x4_add(wasm_f32x4_mul(rows[k / 2][1], most), wasm_f32x4_mul(rows[k / 2][k % 2 * 2], rest));
}

static inline float largest(v128_t a) {
  return most(most(wasm_f32x4_extract_lane(a, 0), wasm_f32x4_extract_lane(a, 1)),
              most(wasm_f32x4_extract_lane(a, 2), wasm_f32x4_extract_lane(a, 3)));
}

/* How much four values bend between a place and its neighbours, in the worst direction. */
static inline v128_t bend(const float *from, int side, int lanes, int row, int column) {
  int up = row ? -side * lanes : 0, down = row < side - 1 ? side * lanes : 0;
  int left = column ? -lanes : 0, right = column < side - 1 ? lanes : 0;
  const float *at = from + (row * side + column) * lanes;
#define NEAR(offset) wasm_v128_load(at + (offset))
  v128_t here = NEAR(0), twice = wasm_f32x4_add(here, here);
  v128_t a = wasm_f32x4_abs(wasm_f32x4_sub(wasm_f32x4_add(NEAR(up), NEAR(down)), twice));
  v128_t b = wasm_f32x4_abs(wasm_f32x4_sub(wasm_f32x4_add(NEAR(left), NEAR(right)), twice));
  v128_t c = wasm_f32x4_sub(wasm_f32x4_add(NEAR(up + left), NEAR(down + right)), NEAR(up + right));
  c = wasm_f32x4_mul(wasm_f32x4_abs(wasm_f32x4_sub(c, NEAR(down + left))), wasm_f32x4_splat(0.5f));
#undef NEAR
  return wasm_f32x4_max(wasm_f32x4_max(a, b), c);
}

static inline float *face_pixel(Point p) { return picture + ((p.row + FACE_TOP) * SIZE + p.column + FACE_LEFT) * 4; }

/* The last layers of the face at `count` points of `size`. */
static void finish_face(const Point *at, int count, int size) {
  for (int start = 0; start < count; start += BLOCK) {
    int here = count - start < BLOCK ? count - start : BLOCK;
    if (size == FACE) raise_squares(KINDS_OF_FACE[0], early_face, FACE_EARLY, FACE_WIDTH, at + start, here, size, activations[0]);
    else raise(KINDS_OF_FACE[0], early_face, FACE_EARLY, FACE_WIDTH, 0, at + start, here, size, activations[0]);
    const float *found = finish(KINDS_OF_FACE, character->late, 4, &character->last, here);
    for (int n = 0; n < here; n++) {
      Point p = at[start + n];
      float *to = size == FACE ? face_pixel(p) : half_face + (p.row * size + p.column) * 4;
      wasm_v128_store(to, wasm_v128_load(found + 8 * n));
    }
  }
}

/* Half of the layers of the face, which are smooth, on few points, the others at half size, and in full where that bends
   or misses thin lines. */
static void draw_face(void) {
  int count = all_points(FACE_EARLY), full = FACE_EARLY + 2 * PAD;
  for (int start = 0; start < count; start += BLOCK) {
    int here = count - start < BLOCK ? count - start : BLOCK;
    begin(KINDS_OF_FACE[0], &character->first, base[3], points + start, here, FACE_EARLY, activations[0]);
    const float *found = finish(KINDS_OF_FACE, character->early, 2, &character->middle, here);
    for (int n = 0; n < here; n++) {
      float *to = early_face + ((points[start + n].row + PAD) * full + points[start + n].column + PAD) * FACE_WIDTH;
      for (int c = 0; c < FACE_WIDTH; c += 4) wasm_v128_store(to + c, wasm_v128_load(found + n * FACE_WIDTH + c));
    }
  }
  pad(early_face, FACE_EARLY, FACE_WIDTH, 0, 0);
  count = all_points(FACE_HALF);
  finish_face(points, count, FACE_HALF);
  v128_t half = wasm_f32x4_const_splat(0.5f);
  for (int n = 0; n < FACE_HALF * FACE_HALF * 4; n += 4) {
    v128_t light = wasm_f32x4_add(wasm_f32x4_mul(wasm_v128_load(half_face + n), half), half);
    wasm_v128_store(tone + n, wasm_f32x4_sqrt(wasm_f32x4_max(light, wasm_f32x4_const_splat(0))));
  }
  count = 0;
  const uint8_t *thin = block + character->thin;
  for (int row = 0; row < FACE_HALF; row++)
    for (int column = 0; column < FACE_HALF; column++) {
      int bends = thin[row * FACE_HALF + column] || largest(bend(tone, FACE_HALF, 4, row, column)) > bent_face;
      v128_t between[4];
      quarters(half_face, FACE_HALF, 4, row, column, between);
      for (int k = 0; k < 4; k++) {
        Point p = {2 * row + k / 2, 2 * column + k % 2};
        if (bends) points[count++] = p;
        else wasm_v128_store(face_pixel(p), between[k]);
      }
    }
  finish_face(points, count, FACE);
}

static float step_in(int row, int column, int pixels) {
  float found = 0;
  int solid = 0;
  for (int y = row * pixels; y < (row + 1) * pixels; y++)
    for (int x = column * pixels; x < (column + 1) * pixels; x++) {
      const float *here = picture + (y * SIZE + x) * 4;
      if (here[3] <= FAINT / 2 - 1) continue;
      solid = 1;
      v128_t value = wasm_v128_load(here);
      if (x) found = most(found, largest(wasm_f32x4_abs(wasm_f32x4_sub(value, wasm_v128_load(here - 4)))));
      if (y) found = most(found, largest(wasm_f32x4_abs(wasm_f32x4_sub(value, wasm_v128_load(here - 4 * SIZE)))));
    }
  return solid ? most(found, 1e-3f) : 0;
}

/* Contrast in a square of a grid of `size`, or 0 where it is transparent, grown by a place; the others as in `still`. */
static void set_detail(int size, int row, int column, int side, const float *still, float *to) {
  static float own[HALF * HALF];
  for (int y = row; y < row + side; y++)
    for (int x = column; x < column + side; x++) own[y * size + x] = step_in(y, x, SIZE / size);
  __builtin_memcpy(to, still, size * size * sizeof *to);
  for (int y = row; y < row + side; y++)
    for (int x = column; x < column + side; x++)
      for (int k = 0; k < 9; k++) {
        int v = y + k / 3 - 1, u = x + k % 3 - 1;
        if (v >= 0 && v < size && u >= 0 && u < size) to[v * size + u] = most(to[v * size + u], own[y * size + x]);
      }
}

/* The same where the face and its rim are. */
static void renew_detail(int size, const float *still, float *to) {
  int pixels = SIZE / size;
  set_detail(size, FACE_TOP / pixels - 1, FACE_LEFT / pixels - 1, FACE / pixels + 2, still, to);
}

/* Contrast of what a place of `size` shows, moved by a share of the half side; `from` is a grid of `cells`. */
static inline float contrast(const float *from, int cells, const float *moved, int row, int column, int size) {
  float x = (column + 0.5f) * cells / size + moved[0] * cells / 2, y = (row + 0.5f) * cells / size + moved[1] * cells / 2;
  return from[(int)within(y, 0, cells - 1) * cells + (int)within(x, 0, cells - 1)];
}

/* Whether a moved place shows anything. */
static inline int shows(const float *moved, int row, int column, int size) {
  return size_of(moved[2]) > FAINT || contrast(detail, CELLS, moved, row, column, size) > 0;
}

static Point cells[CELLS * CELLS];

/* Add the points of a grid of `side` that lie in a cell or `reach` around it, and that `mask` does not have, to the end
   of a list of `count`; the new count. */
static int grow(Point cell, int reach, int side, uint8_t *mask, Point *list, int count) {
  int bottom = inside(((cell.row + 1) * side - 1) / CELLS + reach, 0, side - 1);
  int right = inside(((cell.column + 1) * side - 1) / CELLS + reach, 0, side - 1);
  for (int y = inside(cell.row * side / CELLS - reach, 0, side - 1); y <= bottom; y++)
    for (int x = inside(cell.column * side / CELLS - reach, 0, side - 1); x <= right; x++)
      if (!mask[y * side + x]) {
        mask[y * side + x] = 1;
        list[count++] = (Point){y, x};
      }
  return count;
}

/* The cells where a rough motion shows something, and their neighbours. Rougher misses small things of strange poses. */
static int find_cells(void) {
  int side = character->sides[1] == HALF ? COARSE : 20, count = all_points(side);
  give(0, 0, 0, points, count, side, rough);
  pad_level(rough, side, 1);
  give(1, rough, side, points, count, side, coarse_grid);
  move_all(coarse_grid, side, points, count, side, coarse_motion);
  int found = 0;
  __builtin_memset(wanted, 0, sizeof wanted);
  for (int n = 0; n < CELLS * CELLS; n++) {
    Point cell = {n / CELLS, n % CELLS};
    const float *moved = coarse_motion + (cell.row * side / CELLS * side + cell.column * side / CELLS) * 8;
    if (shows(moved, cell.row, cell.column, CELLS)) found = grow(cell, 1, CELLS, wanted, cells, found);
  }
  return found;
}

/* What the finest level needs around the cells from `start` to `end`; the outermost of them only themselves. */
static void lift(int start, int end) {
  const int32_t *side = character->sides;
  int near = 0, far = 0;
  for (int n = start; n < end; n++) far = grow(cells[n], PAD - 1 + (side[0] == side[1] ? PAD : 1), side[0], done[0], points, far);
  give(0, 0, 0, points, far, side[0], coarse);
  pad_level(coarse, side[0], 1);
  for (int n = start; n < end; n++) near = grow(cells[n], PAD - 1, side[1], done[1], points, near);
  give(1, coarse, side[0], points, near, side[1], grid);
  pad_level(grid, side[1], 2);
}

/* The motion of the cells wherever something shows, and of their neighbours: from the cells found on, as far as it goes. */
static int spread(int count) {
  __builtin_memset(done, 0, sizeof done);
  __builtin_memset(showing, 0, sizeof showing);
  for (int start = 0; start < count;) {
    int end = count;
    lift(start, end);
    move_all(grid, character->sides[1], cells + start, end - start, CELLS, cell_motion);
    for (int n = start; n < end; n++) {
      const float *here = cell_motion + (cells[n].row * CELLS + cells[n].column) * 8;
      uint8_t *any = showing + cells[n].row * CELLS + cells[n].column;
      for (int k = 0; k < 4 && !*any; k++) *any = shows(here, 2 * cells[n].row + k / 2, 2 * cells[n].column + k % 2, HALF);
      if (*any) count = grow(cells[n], 1, CELLS, wanted, cells, count);
    }
    start = end;
  }
  return count;
}

/* How a place of grids of motion and contrast, `size` on a side, is to be drawn: 0 not at all, 1 by interpolation, 2 in
   full. */
static int kind(const float *from, const float *details, int size, int row, int column, float bent) {
  const float *here = from + (row * size + column) * 8;
  float seen = contrast(details, size, here, row, column, size), share = size_of(here[2]);
  if (seen == 0 && share <= FAINT) return 0;
  v128_t first = bend(from, size, 8, row, column), second = bend(from + 4, size, 8, row, column);
  float flow = most(wasm_f32x4_extract_lane(first, 0), wasm_f32x4_extract_lane(first, 1));
  float colour = most(wasm_f32x4_extract_lane(first, 3), most(wasm_f32x4_extract_lane(second, 0), most(wasm_f32x4_extract_lane(second, 1), wasm_f32x4_extract_lane(second, 2))));
  return flow * HALF * seen + 2 * wasm_f32x4_extract_lane(first, 2) + share * colour > bent ? 2 : 1;
}

/* The motion at half size: interpolated, or in full where that of the cells bends. */
static int refine(int count) {
  int full = 0;
  for (int n = 0; n < count; n++) {
    int how = kind(cell_motion, detail, CELLS, cells[n].row, cells[n].column, bent_cell);
    v128_t first[4], second[4];
    quarters(cell_motion, CELLS, 8, cells[n].row, cells[n].column, first);
    quarters(cell_motion + 4, CELLS, 8, cells[n].row, cells[n].column, second);
    for (int k = 0; k < 4; k++) {
      Point p = {2 * cells[n].row + k / 2, 2 * cells[n].column + k % 2};
      float *to = motion + (p.row * HALF + p.column) * 8;
      if (how == 2) points[full++] = p;
      else wasm_v128_store(to, first[k]), wasm_v128_store(to + 4, second[k]);
    }
  }
  move_all(grid, character->sides[1], points, full, HALF, motion);
  return full;
}

/* One pixel's bytes from its motion: flow x and y, alpha, colour. */
static inline void paint(int row, int column, v128_t first, v128_t second) {
  float x = within(column + wasm_f32x4_extract_lane(first, 0) * HALF, 0, SIZE - 1);
  float y = within(row + wasm_f32x4_extract_lane(first, 1) * HALF, 0, SIZE - 1);
  int left = (int)x, top = (int)y;
  const float *a = picture + (top * SIZE + left) * 4, *b = a + (top + 1 < SIZE ? 4 * SIZE : 0);
  int right = left + 1 < SIZE ? 4 : 0;
  v128_t u = wasm_f32x4_splat(x - left), v = wasm_f32x4_splat(y - top), upper = wasm_v128_load(a), lower = wasm_v128_load(b);
  upper = wasm_f32x4_add(upper, wasm_f32x4_mul(u, wasm_f32x4_sub(wasm_v128_load(a + right), upper)));
  lower = wasm_f32x4_add(lower, wasm_f32x4_mul(u, wasm_f32x4_sub(wasm_v128_load(b + right), lower)));
  v128_t shown = wasm_f32x4_add(upper, wasm_f32x4_mul(v, wasm_f32x4_sub(lower, upper)));
  v128_t colour = wasm_i32x4_shuffle(first, second, 3, 4, 5, 6);
  v128_t share = wasm_f32x4_splat(wasm_f32x4_extract_lane(first, 2));
  shown = wasm_f32x4_add(shown, wasm_f32x4_mul(share, wasm_f32x4_sub(colour, shown)));
  v128_t half = wasm_f32x4_const_splat(0.5f), one = wasm_f32x4_const_splat(1);
  v128_t light = wasm_f32x4_pmin(wasm_f32x4_pmax(wasm_f32x4_add(wasm_f32x4_mul(shown, half), half), wasm_f32x4_const_splat(0)), one);
  float alpha = wasm_f32x4_extract_lane(light, 3);
  v128_t straight = wasm_f32x4_mul(light, wasm_f32x4_splat(alpha < FAINTEST ? 0 : LEVELS / alpha));
  v128_t level = wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_add(wasm_f32x4_pmin(straight, wasm_f32x4_const_splat(LEVELS)), half));
  uint8_t *to = drawn + (row * SIZE + column) * 4;
  to[0] = level_of[wasm_i32x4_extract_lane(level, 0)];
  to[1] = level_of[wasm_i32x4_extract_lane(level, 1)];
  to[2] = level_of[wasm_i32x4_extract_lane(level, 2)];
  to[3] = (uint8_t)(alpha * 255 + 0.5f);
}

static int paint_cells(int count) {
  int full = 0;
  for (int n = 0; n < count; n++)
    for (int k = 0; k < 4 && showing[cells[n].row * CELLS + cells[n].column]; k++) {
      int row = 2 * cells[n].row + k / 2, column = 2 * cells[n].column + k % 2, how = kind(motion, fine_detail, HALF, row, column, bent_body);
      v128_t first[4], second[4];
      if (how == 1) quarters(motion, HALF, 8, row, column, first), quarters(motion + 4, HALF, 8, row, column, second);
      for (int j = 0; how && j < 4; j++) {
        Point p = {2 * row + j / 2, 2 * column + j % 2};
        if (how == 2) points[full++] = p;
        else paint(p.row, p.column, first[j], second[j]);
      }
    }
  for (int start = 0; start < full; start += BLOCK) {
    int here = full - start < BLOCK ? full - start : BLOCK;
    const float *found = move(grid, character->sides[1], points + start, here, SIZE);
    for (int n = 0; n < here; n++)
      paint(points[start + n].row, points[start + n].column, wasm_v128_load(found + 8 * n), wasm_v128_load(found + 8 * n + 4));
  }
  return full;
}

/* ---- what the worker calls ---- */

extern uint8_t __heap_base;

EXPORT(room) void *room(void) { return (void *)(((uintptr_t)&__heap_base + 15) & ~15); } /* where the character goes */
EXPORT(lights) float *lights(void) { return light_of; }       /* 256: linear light of a byte, to be filled in */
EXPORT(levels) uint8_t *levels(void) { return level_of; }     /* LEVELS + 1: byte of linear light, to be filled in */
EXPORT(given) float *given(void) { return pose; }             /* 45: the pose to be drawn, to be filled in */

#ifdef __wasm_relaxed_simd__
/* Weights of 16 bits to bytes, in their place, eight channels at a time. Where activations are 0..127 a weight is one
   byte of 127 steps; where they are signed it is 8191 steps and 8192, in two numbers of seven bits. */
static void to_bytes(Kind kind, int16_t *weights, int inputs, int32_t unit[8], int32_t sum[8]) {
  static int16_t old[8 * WIDEST];
  int most = kind == SIGNED ? 8191 : 127, step = kind == SIGNED ? 256 : 512; /* of an activation, in 2^15 */
  __builtin_memcpy(old, weights, 16 * inputs);
  for (int c = 0; c < 8; c++) {
    int largest = 1;
    for (int k = 0; k < inputs; k++) {
      int size = old[k / 2 * 16 + 2 * c + k % 2];
      largest = size > largest ? size : -size > largest ? -size : largest;
    }
    unit[c] = (largest * step + most - 1) / most, sum[c] = 0;
    for (int k = 0; k < inputs; k++) {
      float scaled = (float)old[k / 2 * 16 + 2 * c + k % 2] * step / unit[c];
      int weight = (int)(scaled + (scaled < 0 ? -0.5f : 0.5f)), at = k / 4 * 32 + 4 * c + k % 4;
      sum[c] += weight;
      uint8_t *to = (uint8_t *)weights;
      if (kind == SIGNED) to[at] = (weight + 8192) >> 7, to[8 * inputs + at] = (weight + 8192) & 127;
      else to[at] = (uint8_t)weight;
    }
  }
}

/* Twice what an activation lacks to be its byte: the middle of the step, and for 0..127 the zero. */
static int64_t lacks(Kind kind) { return kind == SIGNED ? 1 : -127; }

static int prepare_dense(const Kind *kinds, Dense *layer, int count, int used) {
  for (; count--; layer++, kinds++) {
    if (*kinds == WIDE) continue;
    int32_t *bias = (int32_t *)(block + layer->bias);
    for (int c = 0; c < layer->width; c += 8) {
      int32_t sum[8];
      to_bytes(*kinds, (int16_t *)(block + layer->weights) + c * layer->inputs, layer->inputs, units + used + c, sum);
      for (int k = 0; k < 8; k++) {
        units[used + c + k] <<= layer->shift;
        bias[c + k] += (uint32_t)(lacks(*kinds) * sum[k] * units[used + c + k] / 2);
      }
    }
    layer->shift = used;
    used += layer->width;
  }
  return used;
}

static void prepare_linear(Kind kind, const Linear *layer) {
  float *scale = (float *)floats(layer->scale), *bias = (float *)floats(layer->bias);
  for (int c = 0; kind != WIDE && c < layer->width; c += 8) {
    int32_t unit[8], sum[8];
    to_bytes(kind, (int16_t *)(block + layer->weights) + c * layer->inputs, layer->inputs, unit, sum);
    for (int k = 0; k < 8; k++) {
      scale[c + k] *= unit[k];
      bias[c + k] += 0.5f * lacks(kind) * sum[k] * scale[c + k];
    }
  }
}

static void prepare(Character *all) {
  int used = prepare_dense(KINDS_OF_FACE, all->early, 2, 0);
  used = prepare_dense(KINDS_OF_FACE, all->late, 4, used);
  prepare_linear(KINDS_OF_FACE[2], &all->middle), prepare_linear(KINDS_OF_FACE[4], &all->last);
  for (int k = 0; k < 3; k++) {
    used = prepare_dense(KINDS[k], all->level[k].dense, 2, used);
    prepare_linear(KINDS[k][2], &all->level[k].linear);
  }
}
#endif

/* Take the character at `room`, `bytes` long; 0 if it is none. The body of every call relies on this one. */
EXPORT(open) int open(int bytes) {
  block = room();
  character = (const Character *)block;
  if (bytes < (int)sizeof(Character) || character->magic != MAGIC || character->bytes != bytes) return 0;
#ifdef __wasm_relaxed_simd__
  prepare((Character *)block);
#endif
  const uint8_t *rgba = block + character->picture;
  for (int n = 0; n < SIZE * SIZE * 4; n++) {
    float alpha = rgba[n | 3] / 255.0f;
    picture[n] = 2 * ((n & 3) == 3 ? alpha : light_of[rgba[n]] * alpha) - 1;
  }
  for (int n = 0; n < HALF * HALF; n++) fine_detail[n] = 0;
  set_detail(CELLS, 0, 0, CELLS, fine_detail, detail_still);
  set_detail(HALF, 0, 0, HALF, fine_detail, fine_detail_still);
  return 1;
}

/* Where bends count as such, for the motion of cells, of pixels, and the face: less is slower and more exact. */
EXPORT(tune) void tune(float cell, float body, float face) { bent_cell = cell, bent_body = body, bent_face = face; }

/* Draw the pose given; the picture, RGBA, straight alpha, is good until the next call. */
EXPORT(draw) const uint8_t *draw(void) {
  set_base(&character->first, base[3]);
  for (int k = 0; k < 3; k++) set_base(&character->level[k].first, base[k]);
  draw_face();
  renew_detail(CELLS, detail_still, detail);
  renew_detail(HALF, fine_detail_still, fine_detail);
  __builtin_memset(cell_motion, 0, sizeof cell_motion);
  __builtin_memset(motion, 0, sizeof motion);
  int count = spread(find_cells());
  refine(count);
  __builtin_memset(drawn, 0, sizeof drawn);
  paint_cells(count);
  return drawn;
}
