"""The library in five lines: python examples/five_lines.py face.jpg drive.mp4 out.mp4"""

import sys

import vivant

picture, drive, output = sys.argv[1:]
portrait = vivant.open_portrait(picture)
motion = vivant.track(drive)
avatar = vivant.open_avatar("relief")
frames = vivant.animate(portrait, motion, avatar)
vivant.write(output, frames, motion.rate, sound=drive)
