/* The live student engine of the page: one character, 45 numbers in, 512 x 512 RGBA out.

   It leaves out what cannot be seen, as live_student.py does, in 16-bit integers. Phases are in turns and a quarter
   behind, so that sin(z) = cos(2 pi u); a turn is 2^32 in sums and 2^16 in 16 bits, and overflow is what a phase
   does anyway. Activations are in 1/32768. The coarser levels are computed on fewer points than published, as many as
   the character needs (pack.py), and read by cubic interpolation; the motion is computed at 256 where something shows,
   and at 512 where it bends across contrasts.

   The character comes as one block of memory, written by pack.py: a directory of 32-bit numbers, then what it names.
   Build: see build.sh. */
#include <stdint.h>
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define ALIGNED __attribute__((aligned(16)))

enum { SIZE = 512, HALF = 256, CELLS = 128, COARSE = 32, SIDE = SIZE / CELLS, PAD = 2 };
enum { FACE = 128, FACE_HALF = 64, FACE_TOP = 80, FACE_LEFT = 192, POSE = 45 };
enum { BLOCK = 48, TILE = 4, WIDEST = 360, FEATURES = 184, FINE = 96, FACE_WIDTH = 128 };
enum { LEVELS = 65535, FIRST_CELL = FACE_TOP / SIDE, LEFT_CELL = FACE_LEFT / SIDE, FACE_CELLS = FACE / SIDE };
#define FAINT 0.02f
#define FAINTEST (0.5f / 255)
#define MAGIC 0x31564956

typedef struct { int32_t width, poses, pose, x, y, bias; } First;      /* offsets of floats, in turns */
typedef struct { int32_t inputs, width, shift, weights, bias; } Dense; /* 16-bit weights; bias: a turn is 2^32 */
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
} Character;
typedef struct { int16_t row, column; } Point;

static const uint8_t *block;
static const Character *character;
static float bent_body = 1.5f, bent_face = 0.3f; /* where a bend counts */

static int16_t activations[2][BLOCK * WIDEST] ALIGNED;
static float values[BLOCK * FEATURES] ALIGNED;
static float base[4][WIDEST] ALIGNED; /* what is the same everywhere: three levels, the face */
static float rough[(COARSE + 2 * PAD) * (COARSE + 2 * PAD) * FEATURES] ALIGNED;
static float coarse[(CELLS + 2 * PAD) * (CELLS + 2 * PAD) * FEATURES] ALIGNED;
static float grid[(HALF + 2 * PAD) * (HALF + 2 * PAD) * FINE] ALIGNED;
static float coarse_grid[(COARSE + 2 * PAD) * (COARSE + 2 * PAD) * FINE] ALIGNED;
static float coarse_motion[COARSE * COARSE * 8] ALIGNED, motion[HALF * HALF * 8] ALIGNED;
static float early_face[(FACE_HALF + 2 * PAD) * (FACE_HALF + 2 * PAD) * FACE_WIDTH] ALIGNED;
static float half_face[FACE_HALF * FACE_HALF * 4] ALIGNED, tone[FACE_HALF * FACE_HALF * 4] ALIGNED;
static float picture[SIZE * SIZE * 4] ALIGNED;
static float detail[CELLS * CELLS], detail_still[CELLS * CELLS];
static uint8_t wanted[CELLS * CELLS], done[2][HALF * HALF];
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

/* Sine of eight phases: sin(pi x / 2) = x (c1 + c3 x^2 + c5 x^4) to 1e-4, x the distance to a quarter turn. */
static inline v128_t sine(v128_t turns) {
  v128_t quarter = wasm_i16x8_sub(wasm_i16x8_splat(16384), wasm_i16x8_abs(turns));
  v128_t x = wasm_i16x8_max(wasm_i16x8_add_sat(quarter, quarter), wasm_i16x8_splat(-32767));
  v128_t square = wasm_i16x8_q15mulr_sat(x, x);
  v128_t sum = wasm_i16x8_add(wasm_i16x8_q15mulr_sat(square, wasm_i16x8_splat(2383)), wasm_i16x8_splat(-21077));
  sum = wasm_i16x8_add(wasm_i16x8_q15mulr_sat(square, sum), wasm_i16x8_splat(18698));
  return wasm_i16x8_add_sat(x, wasm_i16x8_q15mulr_sat(x, sum));
}

/* Eight phases as floats, -64..64 turns, to 16 bits: the last bits of 192 + turns are those after the point. */
static inline v128_t phases(v128_t a, v128_t b) {
  v128_t magic = wasm_f32x4_splat(192.0f);
  return wasm_i16x8_shuffle(wasm_f32x4_add(a, magic), wasm_f32x4_add(b, magic), 0, 2, 4, 6, 8, 10, 12, 14);
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

static void dense(const Dense *layer, const int16_t *x, int count, int16_t *y) {
  const int32_t *bias = (const int32_t *)(block + layer->bias);
  for (int c = 0; c < layer->width; c += 8) {
    const int16_t *weights = (const int16_t *)(block + layer->weights) + c * layer->inputs;
    v128_t low = wasm_v128_load(bias + c), high = wasm_v128_load(bias + c + 4);
    for (int p = 0; p < count; p += TILE) {
      v128_t sums[TILE][2];
      products(x + p * layer->inputs, weights, layer->inputs, sums);
#pragma unroll
      for (int q = 0; q < TILE; q++) {
        v128_t a = wasm_i32x4_add(wasm_i32x4_shl(sums[q][0], layer->shift), low);
        v128_t b = wasm_i32x4_add(wasm_i32x4_shl(sums[q][1], layer->shift), high);
        wasm_v128_store(y + (p + q) * layer->width + c, sine(wasm_i16x8_shuffle(a, b, 1, 3, 5, 7, 9, 11, 13, 15)));
      }
    }
  }
}

static void linear(const Linear *layer, const int16_t *x, int count, float *y) {
  const float *scale = floats(layer->scale), *bias = floats(layer->bias);
  for (int c = 0; c < layer->width; c += 8) {
    const int16_t *weights = (const int16_t *)(block + layer->weights) + c * layer->inputs;
    for (int p = 0; p < count; p += TILE) {
      v128_t sums[TILE][2];
      products(x + p * layer->inputs, weights, layer->inputs, sums);
#pragma unroll
      for (int q = 0; q < TILE; q++)
        for (int h = 0; h < 2; h++) {
          v128_t value = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sums[q][h]), wasm_v128_load(scale + c + 4 * h));
          wasm_v128_store(y + (p + q) * layer->width + c + 4 * h, wasm_f32x4_add(value, wasm_v128_load(bias + c + 4 * h)));
        }
    }
  }
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
static void begin(const First *first, const float *same, const Point *at, int count, int size, int16_t *out) {
  const float *wx = floats(first->x), *wy = floats(first->y);
  for (int n = 0; n < count; n++, out += first->width) {
    v128_t x = wasm_f32x4_splat(centre(at[n].column, size)), y = wasm_f32x4_splat(centre(at[n].row, size)), sums[2];
    for (int c = 0; c < first->width; c += 8) {
      for (int h = 0; h < 2; h++) {
        v128_t part = wasm_f32x4_mul(x, wasm_v128_load(wx + c + 4 * h));
        part = wasm_f32x4_add(part, wasm_f32x4_mul(y, wasm_v128_load(wy + c + 4 * h)));
        sums[h] = wasm_f32x4_add(part, wasm_v128_load(same + c + 4 * h));
      }
      wasm_v128_store(out + c, sine(phases(sums[0], sums[1])));
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

/* First layer from a coarser level's phases `from` (side + 2 PAD squared, width). */
static void raise(const float *from, int side, int width, int straight, const Point *at, int count, int size, int16_t *out) {
  int stride = (side + 2 * PAD) * width;
  for (int n = 0; n < count; n++, out += width) {
    if (size == side) {
      const float *here = from + (at[n].row + PAD) * stride + (at[n].column + PAD) * width;
      for (int c = 0; c < width; c += 8)
        wasm_v128_store(out + c, sine(phases(wasm_v128_load(here + c), wasm_v128_load(here + c + 4))));
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
      wasm_v128_store(out + c, sine(phases(low, high)));
    }
  }
}

static const float *finish(const Dense *layers, int depth, const Linear *last, int count) {
  for (int i = 0; i < depth; i++) dense(&layers[i], activations[i & 1], count, activations[~i & 1]);
  linear(last, activations[depth & 1], count, values);
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
    if (which == 0) begin(&level->first, base[0], at + start, here, size, activations[0]);
    else raise(from, side, level->first.width, side == CELLS && size > side, at + start, here, size, activations[0]);
    const float *found = finish(level->dense, 2, &level->linear, here);
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
  raise(from, side, level->first.width, side == HALF, at, count, size, activations[0]);
  return finish(level->dense, 2, &level->linear, count);
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

/* `values` of `from` (side, side, lanes) read linearly at a pixel of twice the side. */
static inline v128_t between(const float *from, int side, int lanes, int row, int column) {
  float y = within(row * 0.5f - 0.25f, 0, side - 1), x = within(column * 0.5f - 0.25f, 0, side - 1);
  int top = (int)y, left = (int)x;
  const float *a = from + (top * side + left) * lanes, *b = a + (left + 1 < side ? lanes : 0);
  int down = top + 1 < side ? side * lanes : 0;
  v128_t u = wasm_f32x4_splat(x - left), v = wasm_f32x4_splat(y - top), upper = wasm_v128_load(a), lower = wasm_v128_load(a + down);
  upper = wasm_f32x4_add(upper, wasm_f32x4_mul(u, wasm_f32x4_sub(wasm_v128_load(b), upper)));
  lower = wasm_f32x4_add(lower, wasm_f32x4_mul(u, wasm_f32x4_sub(wasm_v128_load(b + down), lower)));
  return wasm_f32x4_add(upper, wasm_f32x4_mul(v, wasm_f32x4_sub(lower, upper)));
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
    raise(early_face, FACE_HALF, FACE_WIDTH, 0, at + start, here, size, activations[0]);
    const float *found = finish(character->late, 4, &character->last, here);
    for (int n = 0; n < here; n++) {
      Point p = at[start + n];
      float *to = size == FACE ? face_pixel(p) : half_face + (p.row * size + p.column) * 4;
      wasm_v128_store(to, wasm_v128_load(found + 8 * n));
    }
  }
}

/* Half of the layers of the face, which are smooth, and all at half size; the others in full where that bends. */
static void draw_face(void) {
  int count = all_points(FACE_HALF), full = FACE_HALF + 2 * PAD;
  for (int start = 0; start < count; start += BLOCK) {
    int here = count - start < BLOCK ? count - start : BLOCK;
    begin(&character->first, base[3], points + start, here, FACE_HALF, activations[0]);
    const float *found = finish(character->early, 2, &character->middle, here);
    for (int n = 0; n < here; n++) {
      float *to = early_face + ((points[start + n].row + PAD) * full + points[start + n].column + PAD) * FACE_WIDTH;
      for (int c = 0; c < FACE_WIDTH; c += 4) wasm_v128_store(to + c, wasm_v128_load(found + n * FACE_WIDTH + c));
    }
  }
  pad(early_face, FACE_HALF, FACE_WIDTH, 0, 0);
  finish_face(points, count, FACE_HALF);
  v128_t half = wasm_f32x4_const_splat(0.5f);
  for (int n = 0; n < FACE_HALF * FACE_HALF * 4; n += 4) {
    v128_t light = wasm_f32x4_add(wasm_f32x4_mul(wasm_v128_load(half_face + n), half), half);
    wasm_v128_store(tone + n, wasm_f32x4_sqrt(wasm_f32x4_max(light, wasm_f32x4_const_splat(0))));
  }
  count = 0;
  for (int row = 0; row < FACE_HALF; row++)
    for (int column = 0; column < FACE_HALF; column++) {
      int bends = largest(bend(tone, FACE_HALF, 4, row, column)) > bent_face;
      for (int k = 0; k < 4; k++) {
        Point p = {2 * row + k / 2, 2 * column + k % 2};
        if (bends) points[count++] = p;
        else wasm_v128_store(face_pixel(p), between(half_face, FACE_HALF, 4, p.row, p.column));
      }
    }
  finish_face(points, count, FACE);
}

static float step_in(int row, int column) {
  float found = 0;
  int solid = 0;
  for (int y = row * SIDE; y < (row + 1) * SIDE; y++)
    for (int x = column * SIDE; x < (column + 1) * SIDE; x++) {
      const float *here = picture + (y * SIZE + x) * 4;
      if (here[3] <= FAINT / 2 - 1) continue;
      solid = 1;
      v128_t value = wasm_v128_load(here);
      if (x) found = most(found, largest(wasm_f32x4_abs(wasm_f32x4_sub(value, wasm_v128_load(here - 4)))));
      if (y) found = most(found, largest(wasm_f32x4_abs(wasm_f32x4_sub(value, wasm_v128_load(here - 4 * SIZE)))));
    }
  return solid ? most(found, 1e-3f) : 0;
}

/* Contrast in the cells from `row` and `column` on, or 0 where they are transparent, grown by a cell. */
static void set_detail(int row, int column, int side, const float *old, float *to) {
  static float own[CELLS * CELLS];
  for (int y = row; y < row + side; y++)
    for (int x = column; x < column + side; x++) own[y * CELLS + x] = step_in(y, x);
  for (int n = 0; n < CELLS * CELLS; n++) to[n] = old[n];
  for (int y = row; y < row + side; y++)
    for (int x = column; x < column + side; x++)
      for (int k = 0; k < 9; k++) {
        int v = y + k / 3 - 1, u = x + k % 3 - 1;
        if (v >= 0 && v < CELLS && u >= 0 && u < CELLS) to[v * CELLS + u] = most(to[v * CELLS + u], own[y * CELLS + x]);
      }
}

/* Contrast of what a place of -1..1 in pixels of `size` shows, moved. */
static inline float contrast(const float *moved, int row, int column, int size) {
  float x = (column + 0.5f) * CELLS / size + moved[0] * CELLS / 2, y = (row + 0.5f) * CELLS / size + moved[1] * CELLS / 2;
  return detail[(int)within(y, 0, CELLS - 1) * CELLS + (int)within(x, 0, CELLS - 1)];
}

/* Whether a moved place shows anything. */
static inline int shows(const float *moved, int row, int column, int size) {
  return size_of(moved[2]) > FAINT || contrast(moved, row, column, size) > 0;
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

/* The cells where a rough motion shows something, and their neighbours. */
static int find_cells(void) {
  give(0, 0, 0, points, all_points(COARSE), COARSE, rough);
  pad_level(rough, COARSE, 1);
  give(1, rough, COARSE, points, all_points(COARSE), COARSE, coarse_grid);
  move_all(coarse_grid, COARSE, points, all_points(COARSE), COARSE, coarse_motion);
  int found = 0;
  __builtin_memset(wanted, 0, sizeof wanted);
  for (int n = 0; n < CELLS * CELLS; n++) {
    Point cell = {n / CELLS, n % CELLS};
    const float *moved = coarse_motion + (cell.row / 4 * COARSE + cell.column / 4) * 8;
    if (shows(moved, cell.row, cell.column, CELLS)) found = grow(cell, 1, CELLS, wanted, cells, found);
  }
  return found;
}

/* What the finest level needs around the cells from `start` to `end`. */
static void lift(int start, int end) {
  const int32_t *side = character->sides;
  const float *from = side[0] == COARSE ? rough : coarse; /* the rough ones are there already */
  int near = 0, far = 0;
  for (int n = start; n < end && from == coarse; n++) far = grow(cells[n], PAD + (side[0] == side[1] ? PAD : 1), side[0], done[0], points, far);
  give(0, 0, 0, points, far, side[0], coarse);
  if (far) pad_level(coarse, side[0], 1);
  for (int n = start; n < end; n++) near = grow(cells[n], PAD, side[1], done[1], points, near);
  give(1, from, side[0], points, near, side[1], grid);
  pad_level(grid, side[1], 2);
}

/* The motion at half size wherever something shows: from the cells found on, as long as their neighbours show too. */
static int spread(int count) {
  __builtin_memset(done, 0, sizeof done);
  for (int start = 0; start < count;) {
    int end = count;
    lift(start, end);
    for (int n = start; n < end; n++)
      for (int k = 0; k < 4; k++)
        points[4 * (n - start) + k] = (Point){2 * cells[n].row + k / 2, 2 * cells[n].column + k % 2};
    move_all(grid, character->sides[1], points, 4 * (end - start), HALF, motion);
    for (int n = 0; n < 4 * (end - start); n++) {
      Point p = points[n];
      if (shows(motion + (p.row * HALF + p.column) * 8, p.row, p.column, HALF))
        count = grow((Point){p.row / 2, p.column / 2}, 1, CELLS, wanted, cells, count);
    }
    start = end;
  }
  return count;
}

/* How a pixel of the motion of half size is to be drawn: 0 not at all, 1 by interpolation, 2 in full. */
static int kind(int row, int column) {
  const float *here = motion + (row * HALF + column) * 8;
  float seen = contrast(here, row, column, HALF), share = size_of(here[2]);
  if (seen == 0 && share <= FAINT) return 0;
  v128_t first = bend(motion, HALF, 8, row, column), second = bend(motion + 4, HALF, 8, row, column);
  float flow = most(wasm_f32x4_extract_lane(first, 0), wasm_f32x4_extract_lane(first, 1));
  float colour = most(wasm_f32x4_extract_lane(first, 3), most(wasm_f32x4_extract_lane(second, 0), most(wasm_f32x4_extract_lane(second, 1), wasm_f32x4_extract_lane(second, 2))));
  return flow * HALF * seen + 2 * wasm_f32x4_extract_lane(first, 2) + share * colour > bent_body ? 2 : 1;
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
    for (int k = 0; k < 4; k++) {
      int row = 2 * cells[n].row + k / 2, column = 2 * cells[n].column + k % 2, how = kind(row, column);
      for (int j = 0; how && j < 4; j++) {
        Point p = {2 * row + j / 2, 2 * column + j % 2};
        if (how == 2) points[full++] = p;
        else paint(p.row, p.column, between(motion, HALF, 8, p.row, p.column), between(motion + 4, HALF, 8, p.row, p.column));
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

/* Take the character at `room`, `bytes` long; 0 if it is none. The body of every call relies on this one. */
EXPORT(open) int open(int bytes) {
  block = room();
  character = (const Character *)block;
  if (bytes < (int)sizeof(Character) || character->magic != MAGIC || character->bytes != bytes) return 0;
  const uint8_t *rgba = block + character->picture;
  for (int n = 0; n < SIZE * SIZE * 4; n++) {
    float alpha = rgba[n | 3] / 255.0f;
    picture[n] = 2 * ((n & 3) == 3 ? alpha : light_of[rgba[n]] * alpha) - 1;
  }
  for (int n = 0; n < CELLS * CELLS; n++) detail[n] = 0;
  set_detail(0, 0, CELLS, detail, detail_still);
  return 1;
}

/* Where bends count as such, for body and face: less is slower and more exact. */
EXPORT(tune) void tune(float body, float face) { bent_body = body, bent_face = face; }

/* Draw the pose given; the picture, RGBA, straight alpha, is good until the next call. */
EXPORT(draw) const uint8_t *draw(void) {
  set_base(&character->first, base[3]);
  for (int k = 0; k < 3; k++) set_base(&character->level[k].first, base[k]);
  draw_face();
  set_detail(FIRST_CELL - 1, LEFT_CELL - 1, FACE_CELLS + 2, detail_still, detail);
  int count = spread(find_cells());
  __builtin_memset(drawn, 0, sizeof drawn);
  paint_cells(count);
  return drawn;
}
