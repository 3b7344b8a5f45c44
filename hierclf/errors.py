"""Everything that hierclf refuses, as one tree.

::

    HierclfError                 something the user can mend; the message says how
    ├── UnknownName              a name that no registry holds ("did you mean …?")
    ├── ConfigError              a setting of the wrong type, range or combination
    ├── TaxonomyError            a taxonomy with faults; ``.faults`` lists them all
    ├── DataError                images or labels that cannot be used
    │   ├── DataTypeError        things that are no numbers, where numbers were expected (also a TypeError)
    │   └── ImageError           one image that cannot be read
    ├── BackboneError            a backbone that cannot be built or lacks its weights
    ├── CalibrationError         a promise that these images cannot support
    ├── BundleError              a model folder that is broken, hostile or of another kind
    └── NotFitted                asked before ``fit`` (also scikit-learn's NotFittedError; see classifier.py)

Every one of them is an answer to a user's mistake, so the command line prints its text without a traceback and exits
with code 2. A bug in hierclf shows as anything else.
"""

from __future__ import annotations


class HierclfError(Exception):
    """The root of every error that hierclf raises on purpose."""


class UnknownName(HierclfError, KeyError):
    """A name that no registry holds."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""  # KeyError would print the repr


class ConfigError(HierclfError, ValueError):
    """A setting of the wrong type, out of range, or in a combination that makes no sense."""


class DataError(HierclfError, ValueError):
    """Images, labels or embeddings that cannot be used as they are."""


class DataTypeError(DataError, TypeError):
    """Things that are no numbers at all, where numbers were expected."""


class ImageError(DataError):
    """One image that cannot be read; the message names the file and what is wrong with it."""


class BackboneError(HierclfError):
    """A backbone that cannot be built, or whose weights are not at hand."""


class CalibrationError(HierclfError, ValueError):
    """A promise that the calibration images at hand cannot support."""


class BundleError(HierclfError):
    """A model folder that is broken, hostile, newer than this version, or whose parts do not belong together."""


class TaxonomyError(HierclfError, ValueError):
    """A taxonomy that cannot be used.

    Args:
        message: what is wrong and what to do; for a file, every fault in the form ``file:line:column: message``.
        faults: the faults one by one (``hierclf.taxonomy.Fault``), empty when the taxonomy was built in Python.
    """

    def __init__(self, message: str, faults: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults
