"""The base of every section of a run file."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One section of a run file; its fields are all that may appear there."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )
