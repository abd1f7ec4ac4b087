"""nbgrader's settings: run it in this folder, which is the course's."""

import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from grading.cells import CODE_STUB, TEXT_STUB
from grading.nbgrader import GradeSubmission, LinkChapters, SubmissionExporter
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.preprocessors import Execute
from sqlalchemy.exc import SAWarning

# nbgrader's own queries: pages of them, and none is about a course.
warnings.filterwarnings("ignore", category=SAWarning)

c = get_config()  # noqa: F821
c.CourseDirectory.root = str(HERE)
c.CourseDirectory.course_id = "neural_network_basics"
c.ClearSolutions.code_stub = {"python": CODE_STUB}
c.ClearSolutions.text_stub = TEXT_STUB
c.GenerateAssignment.preprocessors = [
    LinkChapters,
    *GenerateAssignment.preprocessors.default_args[0],
]
c.Autograde.exporter_class = SubmissionExporter
c.Autograde.autograde_preprocessors = [
    GradeSubmission if step is Execute else step
    for step in Autograde.autograde_preprocessors.default_args[0]
]
