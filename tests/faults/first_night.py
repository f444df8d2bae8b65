"""The night a fork server runs before it forks: imported there and nowhere else.

Libraries prepare much on first use (schemas of dbt's records, Great Expectations' registry): half
of what a night costs a process that has only imported them.
"""

import os

from tests.faults.forked_nights import FIRST_HOME, night

if home := os.environ.get(FIRST_HOME):
    night(home)
