// 52 curves and a head, exchanged for the 45 numbers; as avatars/tha/currency.py and vowels.py, with its constants.

const clamp = (value, low = 0) => Math.min(Math.max(value, low), 1);
const share = (value, most) => (most > 0 ? clamp(value / most) : 0);
const ramp = (value, [start, full]) => share(value - start, full - start);
const dot = (row, values) => row.reduce((sum, factor, n) => sum + factor * values[n], 0);

/** The pose of `curves` (by name, 0..1) and `angles` (radians about the fixed axes x, y, z), as the puppeteers make it.
 *  `rules`: { parameters, constants, vowels } of character.json. */
export function poseOfCurves(curves, angles, rules) {
  const c = name => curves[name] || 0, k = rules.constants, pose = {};
  const smile = (c("mouthSmileLeft") + c("mouthSmileRight")) / 2 + c("mouthShrugUpper");
  const happy = ramp(smile, k.smile);
  for (const [side, Side] of [["left", "Left"], ["right", "Right"]]) {
    const blink = share(c(`eyeBlink${Side}`), k.eye_blink_max);
    pose[`eyebrow_${k.eyebrow_down_mode}_${side}`] = (1 - happy) * share(c(`browDown${Side}`), k.eyebrow_down_max);
    pose[`eyebrow_raised_${side}`] = clamp(c("browInnerUp") + c(`browOuterUp${Side}`));
    pose[`eyebrow_happy_${side}`] = clamp(smile) * happy;
    pose[`${k.wink_mode === "normal" ? "eye_wink" : "eye_relaxed"}_${side}`] = (1 - happy) * blink;
    pose[`eye_happy_wink_${side}`] = happy * blink;
    pose[`eye_surprised_${side}`] = share(c(`eyeWide${Side}`), k.eye_surprised_max);
    pose[`eye_raised_lower_eyelid_${side}`] = ramp(c(`cheekSquint${Side}`), k.cheek_squint);
    pose[`iris_small_${side}`] = k.iris_small[side === "left" ? 0 : 1];
    pose[`mouth_raised_corner_${side}`] = clamp(smile);
  }
  const up = c("eyeLookUpLeft") + c("eyeLookUpRight") - c("eyeLookDownLeft") - c("eyeLookDownRight");
  const left = c("eyeLookInLeft") - c("eyeLookOutLeft") - c("eyeLookInRight") + c("eyeLookOutRight");
  pose.iris_rotation_x = clamp(up / 2 * k.eye_rotation, -1);
  pose.iris_rotation_y = clamp(left / 2 * k.eye_rotation, -1);
  mouth(pose, c, k, rules.vowels);
  const [x, y, z] = angles.map((angle, n) => clamp(angle * 180 / Math.PI / k.head_degrees[n], -1));
  Object.assign(pose, { head_x: -x, head_y: -y, neck_z: z, body_y: -y, body_z: z });
  return rules.parameters.map(({ name }) => pose[name] || 0);
}

function mouth(pose, c, k, vowels) {
  const opening = ramp(c("jawOpen"), k.jaw_open);
  if (opening === 0) {
    const frown = k.frown ? share(c("mouthFrownLeft") + c("mouthFrownRight"), k.mouth_frown_max) : 0;
    pose.mouth_lowered_corner_left = pose.mouth_lowered_corner_right = frown;
    return;
  }
  const lower = clamp(c("mouthLowerDownLeft") + c("mouthLowerDownRight"));
  const [aaa, iii, uuu, ooo] = vowelWeights([opening, lower, c("mouthFunnel"), c("mouthPucker")], vowels);
  const round = clamp(uuu + ooo), wide = ramp(c("mouthFunnel"), k.mouth_funnel);
  Object.assign(pose, { mouth_aaa: aaa, mouth_iii: iii, mouth_uuu: round * (1 - wide), mouth_ooo: round * wide });
}

/** Weights of aaa, iii, uuu, ooo for a wanted mouth: the best of the closed forms on the faces of the unit cube. */
export function vowelWeights(wanted, { least, least_at, rest, rest_at, pull, shapes, sparsity }) {
  let best = null, lowest = Infinity;
  for (let face = 0; face < least.length; face++) {
    const residual = Math.hypot(...rest[face].map((row, n) => dot(row, wanted) + rest_at[face][n]));
    const weights = least[face].map((row, n) => clamp(dot(row, wanted) + least_at[face][n] - residual * pull[face][n]));
    const off = wanted.map((value, n) => weights.reduce((sum, weight, m) => sum + weight * shapes[m][n], -value));
    const cost = Math.hypot(...off) + sparsity * weights.reduce((sum, weight) => sum + weight, 0);
    if (cost < lowest) [best, lowest] = [weights, cost];
  }
  return best;
}

/** Angles about the fixed axes x, y, z of a rotation, rows of three. */
export function anglesOf(r) {
  return [Math.atan2(r[2][1], r[2][2]), Math.asin(clamp(-r[2][0], -1)), Math.atan2(r[1][0], r[0][0])];
}
