"""Speech: sound to FaceStates; `speak` in `speak.py` is the driver."""
