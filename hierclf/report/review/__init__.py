"""The review of a discovered taxonomy: everything a person needs to accept it or to change it, on one page."""

from hierclf.report.review.commands import next_steps
from hierclf.report.review.review import write_review

__all__ = ["next_steps", "write_review"]
