"""nbgrader's settings: run it in this folder, which is the course's."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from grading.nbgrader import GradeApart  # noqa: E402
from nbgrader.preprocessors import Execute  # noqa: E402
from nbgrader.converters import Autograde  # noqa: E402

c = get_config()  # noqa: F821
c.CourseDirectory.root = str(HERE)
c.CourseDirectory.course_id = "neural_network_basics"
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
c.OverwriteCells.add_missing_cells = True
c.Autograde.autograde_preprocessors = [
    GradeApart if step is Execute else step
    for step in Autograde.autograde_preprocessors.default_args[0]
]
