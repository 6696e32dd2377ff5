"""Slots: never more runs at once than there are, whoever asks."""

import threading

import pytest

from bptt.worker.slots import Slots


def test_no_more_slots_are_given_than_there_are():
    slots = Slots(2)

    taken = [slots.acquire() for _ in range(4)]

    assert taken == [0, 1, None, None]
    assert slots.idle == 0


def test_slot_given_back_is_given_again():
    slots = Slots(2)
    first, _ = slots.acquire(), slots.acquire()

    slots.release(first)

    assert slots.acquire() == first


def test_slot_cannot_be_given_back_twice():
    slots = Slots(1)
    slot = slots.acquire()
    slots.release(slot)

    with pytest.raises(ValueError, match="slot 0 is not taken"):
        slots.release(slot)


def test_many_threads_never_hold_more_slots_than_there_are():
    slots = Slots(3)
    held, most = [], []
    lock = threading.Lock()

    def work():
        for _ in range(300):
            slot = slots.acquire()
            if slot is None:
                continue
            with lock:
                assert slot not in held
                held.append(slot)
                most.append(len(held))
            with lock:
                held.remove(slot)
            slots.release(slot)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert most
    assert max(most) <= 3
    assert slots.idle == 3


def test_waiting_for_idle_slots_ends_when_the_last_one_is_free():
    slots = Slots(2)
    slot = slots.acquire()
    timer = threading.Timer(0.05, slots.release, [slot])

    before = slots.wait_idle(0.0)
    timer.start()

    assert not before
    assert slots.wait_idle(60)
    timer.join()
