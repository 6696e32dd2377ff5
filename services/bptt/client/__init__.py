"""The one client: talks to the application in-process, or to a server over HTTP.

from bptt.client import connect
from bptt.settings import read_settings

with connect(read_settings()) as client:
    submitted = client.submit("grids/clipping.yaml", overrides=["seeds=5"])
    print(client.progress(submitted.grid_id).share)
"""

from bptt.client.client import Client, connect

__all__ = ["Client", "connect"]
