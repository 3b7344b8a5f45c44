"""Reports: one HTML file that says what a model does, how often it is wrong, and how that was found out."""

from hierclf.report.comparison import Column, markdown_table, write_comparison
from hierclf.report.context import RunContext
from hierclf.report.page import write_report
from hierclf.report.review import next_steps, write_review

__all__ = [
    "Column",
    "RunContext",
    "markdown_table",
    "next_steps",
    "write_comparison",
    "write_report",
    "write_review",
]
