"""Reports: one HTML file that says what a model does, how often it is wrong, and how that was found out."""

from hierclf.report.columns import Column
from hierclf.report.comparison import difference_table, markdown_table, write_comparison
from hierclf.report.context import RunContext
from hierclf.report.page import write_report
from hierclf.report.paired import Difference, differences, paired, reading_guide
from hierclf.report.review import next_steps, write_review

__all__ = [
    "Column",
    "Difference",
    "RunContext",
    "difference_table",
    "differences",
    "markdown_table",
    "next_steps",
    "paired",
    "reading_guide",
    "write_comparison",
    "write_report",
    "write_review",
]
