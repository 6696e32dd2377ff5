import json

import pytest

from bptt import errors
from bptt.api.faults import body_of, rebuilt, status_of
from bptt.errors import BpttError, InvalidSpec, UnknownPlugin, UserError


def subclasses(kind):
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from subclasses(child)


def an_error(kind):
    match kind.__name__:
        case "InvalidSpec":
            return InvalidSpec(["a.yaml:1: wrong.", "a.yaml:2: worse."])
        case "UnknownPlugin":
            return UnknownPlugin("cell", "lstmm", ["lstm", "gru"])
        case "DuplicatePlugin":
            return errors.DuplicatePlugin("cell", "lstm", ["one", "two"])
        case "MissingExtra":
            return errors.MissingExtra("cell", "zoo.ltc", "bptt", "zoo")
    return kind("It is so.")


@pytest.mark.parametrize("kind", list(subclasses(BpttError)), ids=lambda kind: kind.__name__)
def test_every_error_arrives_as_what_it_was(kind):
    error = an_error(kind)

    arrived = rebuilt(json.loads(json.dumps(body_of(error))))

    assert type(arrived) is kind
    assert str(arrived) == str(error)
    assert arrived.exit_code == error.exit_code


def test_faults_stay_a_list():
    arrived = rebuilt(body_of(InvalidSpec(["first", "second"])))

    assert isinstance(arrived, InvalidSpec)
    assert arrived.faults == ["first", "second"]


@pytest.mark.parametrize(("code", "kind"), [(2, UserError), (75, BpttError), (1, BpttError)])
def test_error_of_a_newer_server_keeps_its_words_and_exit_code(code, kind):
    arrived = rebuilt({"error": "Unheard", "message": "Of later times.", "exit_code": code})

    assert (type(arrived), str(arrived), arrived.exit_code) == (kind, "Of later times.", code)


def test_name_of_something_else_in_the_module_is_no_error():
    arrived = rebuilt({"error": "did_you_mean", "message": "no", "exit_code": 1})

    assert type(arrived) is BpttError


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("InvalidSpec", 422),
        ("RunNotFound", 404),
        ("GridNotFound", 404),
        ("NotPossible", 409),
        ("DatabaseUnavailable", 503),
        ("UnknownPlugin", 400),
        ("CheckpointDamaged", 500),
    ],
)
def test_errors_have_the_status_that_fits_them(kind, status):
    assert status_of(an_error(getattr(errors, kind))) == status
