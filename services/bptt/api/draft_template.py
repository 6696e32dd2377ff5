"""Imported once by the process that those of requests are forked from; see `drafting`.

No plugin is imported here, and nothing computes: torch's threads do not survive a fork.
"""

import torch

import bptt.api.drafts
import bptt.api.plugin_drafts
import bptt.contracts
import bptt.store

__all__ = ["bptt", "torch"]

torch.set_num_threads(1)
