"""Places at work, one for each user at a time."""

import asyncio

import pytest

from bptt.api.lane import Lane


async def _settle():
    for _ in range(5):
        await asyncio.sleep(0)


def test_who_was_served_longest_ago_goes_first():
    async def main():
        lane, served = Lane(1), []

        async def one(user):
            await lane.enter(user)
            served.append(user)
            await asyncio.sleep(0)
            lane.leave(user)

        await asyncio.gather(*(one(user) for user in ("ada", "ada", "ada", "bob", "cleo")))
        return served

    assert asyncio.run(main()) == ["ada", "bob", "cleo", "ada", "ada"]


def test_a_user_has_one_place_and_another_takes_the_second():
    lane = Lane(2)

    assert lane.enter_now("ada")
    assert not lane.enter_now("ada")
    assert lane.enter_now("bob")
    assert not lane.enter_now("cleo")


def test_only_who_could_take_the_place_wants_it():
    async def main():
        lane = Lane(2)
        await lane.enter("ada")
        await lane.enter("bob")
        waiting = asyncio.create_task(lane.enter("ada"))
        await _settle()
        wanted = lane.is_wanted_of("ada"), lane.is_wanted_of("bob")
        waiting.cancel()
        await _settle()
        return wanted, lane.is_wanted_of("ada")

    assert asyncio.run(main()) == ((True, False), False)


@pytest.mark.parametrize("let_in", [False, True], ids=["before", "as it is let in"])
def test_who_stops_waiting_leaves_no_place_taken(let_in):
    async def main():
        lane = Lane(1)
        await lane.enter("ada")
        waiting = asyncio.create_task(lane.enter("bob"))
        await _settle()
        if let_in:
            lane.leave("ada")
        waiting.cancel()
        await _settle()
        if not let_in:
            lane.leave("ada")
        return lane.enter_now("cleo")

    assert asyncio.run(main())
