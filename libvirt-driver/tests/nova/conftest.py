"""Nova's threads do not end by themselves: the process ends when the tests are over."""

import os

_STATUS = []


def pytest_sessionfinish(session, exitstatus):
    _STATUS.append(int(exitstatus))


def pytest_unconfigure(config):
    os.sys.stdout.flush()
    os._exit(_STATUS[-1] if _STATUS else 1)
