// A face at rest that is alive, and one that follows the mouse; as motion/idle.py and motion/live/pointer.py.

const BREATH_SECONDS = 4.2, DRIFT_SECONDS = [0.8, 2.5, 8], DRIFT = [0.09, 0.1, 0.06];
const LID = { down: 0.1, shut: 0.045, up: 0.2 };
const ease = share => share * share * (3 - 2 * share);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
const between = (low, high) => low + (high - low) * Math.random();

/** A critically damped follower: 1/s stiff. */
class Spring {
  constructor(stiff) { this.stiff = stiff; this.place = this.speed = 0; }
  step(target, seconds) {
    const offset = this.place - target, push = (this.speed + this.stiff * offset) * seconds;
    const decay = Math.exp(-this.stiff * seconds);
    this.speed = (this.speed - this.stiff * push) * decay;
    return this.place = target + (offset + push) * decay;
  }
}

/** Breath, blinks, small motion of the head and glances. */
export class Idle {
  constructor() {
    this.walks = DRIFT.map(() => DRIFT_SECONDS.map(() => 0));
    this.drift = DRIFT.map(() => new Spring(9));
    this.eyes = [new Spring(40), new Spring(40)];
    this.look = [0, 0];
    this.breath = 0;
    this.since = Infinity;
    this.blinkIn = between(0.8, 3);
    this.lookIn = between(1, 2);
  }

  /** What to add to the pose, by name, `seconds` after the last step. */
  step(seconds) {
    this.breath = (this.breath + seconds / BREATH_SECONDS) % 1;
    const chest = this.breath < 0.38 ? ease(this.breath / 0.38) : ease(1 - Math.min((this.breath - 0.38) / 0.5, 1));
    const [x, y, z] = this.walks.map((walks, n) => {
      DRIFT_SECONDS.forEach((time, m) => {
        const keep = Math.exp(-seconds / time);
        walks[m] = keep * walks[m] + Math.sqrt((1 - keep * keep) / DRIFT_SECONDS.length) * DRIFT[n] * normal();
      });
      return this.drift[n].step(walks[0] + walks[1] + walks[2], seconds);
    });
    const [up, aside] = this.glance(seconds), lid = this.blink(seconds);
    return { breathing: chest, head_x: x, head_y: y, body_y: y / 2, neck_z: z, body_z: z / 2,
      iris_rotation_x: up - x / 3, iris_rotation_y: aside - y / 3, eye_wink_left: lid, eye_wink_right: lid };
  }

  blink(seconds) {
    this.since += seconds;
    this.blinkIn -= seconds;
    if (this.blinkIn <= 0) {
      this.since = 0;
      this.blinkIn = Math.random() < 1 / 12 ? 0.6 : 0.6 - 3.6 * Math.log(1 - Math.random());
    }
    if (this.since < LID.down) return ease(this.since / LID.down);
    return ease(1 - clamp((this.since - LID.down - LID.shut) / LID.up, 0, 1));
  }

  glance(seconds) {
    this.lookIn -= seconds;
    if (this.lookIn <= 0) {
      const away = Math.random() < 0.08;
      this.look = away ? [between(-0.2, 0.2), between(0.2, 0.45) * Math.sign(normal())] : [0.03 * normal(), 0.05 * normal()];
      this.lookIn = away ? between(0.4, 0.9) : between(0.6, 3);
    }
    return this.eyes.map((eye, n) => eye.step(this.look[n], seconds));
  }
}

/** Head and eyes that follow a pointer at -1..1 to the viewer's right and up; the eyes go ahead. */
export class Follow {
  constructor() {
    this.head = [new Spring(11), new Spring(11)];
    this.eyes = [new Spring(26), new Spring(26)];
  }

  step([right, up], seconds) {
    const [aside, high] = [right, up].map((value, n) => this.head[n].step(value, seconds));
    const [lookAside, lookHigh] = [right, up].map((value, n) => this.eyes[n].step(value, seconds));
    return { head_x: high, head_y: -aside, body_y: -0.5 * aside, neck_z: 0.2 * aside, body_z: 0.15 * aside,
      iris_rotation_x: 0.8 * lookHigh, iris_rotation_y: -0.8 * lookAside };
  }
}
