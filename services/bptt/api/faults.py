"""Errors on their way from the application to a client: by name, with all they say.

Both ends read this module, so it needs nothing that only one of them has installed.
"""

from collections.abc import Mapping
from typing import Any

from bptt import errors
from bptt.errors import BpttError, ContentNeeded, InvalidSpec, UserError, plain

STATUS: Mapping[type[BpttError], int] = {
    errors.InvalidSpec: 422,
    errors.RunNotFound: 404,
    errors.GridNotFound: 404,
    errors.TokenNotFound: 404,
    errors.UserNotFound: 404,
    errors.NotAdmitted: 401,
    errors.NotAllowed: 403,
    errors.NotPossible: 409,
    errors.ContentNeeded: 409,
    errors.RunBusy: 409,
    errors.Unavailable: 503,
    errors.TrackingUnavailable: 503,
    errors.SchemaMismatch: 503,
    errors.TooMuchWork: 413,
    errors.NobodyWaits: 499,
    errors.UserError: 400,
    errors.BpttError: 500,
}
"""HTTP status of an error; a subclass has that of its nearest base class here."""


def status_of(error: BpttError) -> int:
    """Return the HTTP status that fits an error best."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def body_of(error: BpttError) -> dict[str, Any]:
    """Return the body of the answer that carries an error."""
    body: dict[str, Any] = {"error": type(error).__name__, "exit_code": error.exit_code}
    if isinstance(error, InvalidSpec):
        return {**body, "faults": [plain(fault) for fault in error.faults]}
    if isinstance(error, ContentNeeded):
        lacks = {"names": list(error.names), "hashes": list(error.hashes), "most": error.most}
        body |= lacks
    return {**body, "message": plain(str(error))}


def body_outside(error: BpttError) -> dict[str, Any]:
    """Return the body for clients elsewhere: no driver's text, no path on this machine."""
    outside = error.outside
    return {**body_of(error), "message": outside} if outside else body_of(error)


def rebuilt(body: Mapping[str, Any]) -> BpttError:
    """Return the error that `body_of` made this from; one that is not known here keeps its text.

    Raises:
        KeyError: the body is not an error's.
    """
    kind = getattr(errors, str(body["error"]), None)
    code = int(body["exit_code"])
    if kind is InvalidSpec:
        return InvalidSpec([str(fault) for fault in body["faults"]])
    if kind is ContentNeeded:
        names, hashes = ([str(one) for one in body[which]] for which in ("names", "hashes"))
        return ContentNeeded(names, hashes, int(body["most"]))
    message = str(body["message"] if "message" in body else "\n".join(body["faults"]))
    if not (isinstance(kind, type) and issubclass(kind, BpttError)):
        kind = UserError if code == UserError.exit_code else BpttError
    # some constructors build their message themselves, from what is not known here
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    error.exit_code = code
    return error
