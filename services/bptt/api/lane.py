"""A few places to work at, at most one per user at a time; for one event loop."""

import asyncio


class Lane:
    """Lets requests in, first those of the user served longest ago.

    Args:
        places: how many may be in at once.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._inside: set[str] = set()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []

    def enter_now(self, user: str) -> bool:
        """Take a place if one is free for this user; return whether it was."""
        if user in self._inside or len(self._inside) >= self._places:
            return False
        self._inside.add(user)
        return True

    async def enter(self, user: str) -> None:
        """Take a place, when it is this user's turn."""
        if self.enter_now(user):
            return
        mine = (user, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        try:
            await mine[1]
        except asyncio.CancelledError:
            if mine in self._waiting:
                self._waiting.remove(mine)
            else:
                # it was let in at that very moment
                self.leave(user)
            raise

    def leave(self, user: str) -> None:
        """Give the place of this user to the next."""
        self._inside.remove(user)
        self._waiting.sort(key=lambda waiter: waiter[0] == user)
        for waiter in list(self._waiting):
            if self.enter_now(waiter[0]):
                self._waiting.remove(waiter)
                waiter[1].set_result(None)

    def is_wanted_of(self, user: str) -> bool:
        """Say whether anybody is waiting for this user's place."""
        return any(other == user or other not in self._inside for other, _ in self._waiting)
