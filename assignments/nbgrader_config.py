"""nbgrader's settings: run it in this folder, which is the course's."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from grading.nbgrader import DropCopies, GradeSubmission
from nbgrader.converters import Autograde
from nbgrader.preprocessors import DeduplicateIds, Execute

c = get_config()  # noqa: F821
c.CourseDirectory.root = str(HERE)
c.CourseDirectory.course_id = "neural_network_basics"
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
c.OverwriteCells.add_missing_cells = True
replaced = {DeduplicateIds: DropCopies, Execute: GradeSubmission}
for steps in ("sanitize_preprocessors", "autograde_preprocessors"):
    usual = getattr(Autograde, steps).default_args[0]
    setattr(c.Autograde, steps, [replaced.get(step, step) for step in usual])
