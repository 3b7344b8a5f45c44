"""Reports: one HTML file that says what a model does, how often it is wrong, and how that was found out."""

from hierclf.report.comparison import Column, markdown_table, write_comparison
from hierclf.report.context import RunContext
from hierclf.report.page import write_report

__all__ = ["Column", "RunContext", "markdown_table", "write_comparison", "write_report"]
