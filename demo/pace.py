# SPDX-License-Identifier: Apache-2.0
"""How fast the story's time passes: speed, pause and step, by the terminal's keys or by the dashboard's buttons."""
import select
import sys
import termios
import time
import tty

KEYS = "space: pause, s: step, + and -: speed, q: end"


class Pace:
    """speed: story seconds in a second; 0: as fast as it goes. idle(seconds) is called while there is nothing to do."""

    def __init__(self, speed, idle, changed):
        self.speed, self.idle, self.changed = speed, idle, changed
        self.paused, self.steps, self.due = False, 0, time.monotonic()
        self.keyboard = None
        if sys.stdin.isatty():
            self.keyboard = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)

    def close(self):
        if self.keyboard is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self.keyboard)
            self.keyboard = None

    def tell(self, paused=None, step=None, speed=None):
        if paused is not None:
            self.paused, self.steps = bool(paused), 0
        if step is not None:
            self.steps += max(0, min(int(step), 96))
        if speed is not None:
            self.speed = max(0, min(int(speed), 10**6))
        self.due = time.monotonic()
        self.changed()

    def keys(self):
        while self.keyboard is not None and select.select([sys.stdin], [], [], 0)[0]:
            key = sys.stdin.read(1)
            if key == " ":
                self.tell(paused=not self.paused)
            elif key == "s":
                self.tell(paused=True)
                self.tell(step=1)
            elif key in "+-":
                speed = self.speed or 7200
                self.tell(speed=speed * 2 if key == "+" else max(60, speed // 2))
            elif key in ("q", ""):
                raise KeyboardInterrupt

    def wait(self, story_seconds):
        """Until the next `story_seconds` may pass."""
        self.keys()
        self.idle(0)
        while self.paused and self.steps == 0:
            self.idle(0.05)
            self.keys()
        if self.paused:
            self.steps -= 1
            return
        while self.speed and time.monotonic() < self.due and not self.paused:
            self.idle(min(0.05, max(0.0, self.due - time.monotonic())))
            self.keys()
        if self.paused:
            self.wait(story_seconds)
            return
        self.due = max(self.due, time.monotonic() - 1) + (story_seconds / self.speed if self.speed else 0)
