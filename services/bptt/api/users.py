"""Routes of users and their tokens."""

from bptt import store
from bptt.api.asking import Asker, user_name
from bptt.api.parameters import InPath
from bptt.api.permission import Admin, OwnToken, Proven, own_name
from bptt.api.routing import new_router
from bptt.api.service import Shared
from bptt.api.user_answers import Me, NewToken
from bptt.api.user_orders import CreateToken, SetUser
from bptt.errors import InvalidSpec, NotAllowed
from bptt.records.users import Token, User

router = new_router("users")

DAY = 86_400.0


@router.get("/me")
async def me(asker: Asker) -> Me:
    """Who is asking, as the server sees it."""
    return Me(
        name=asker.name,
        role="admin" if asker.is_admin else "user",
        token=None if asker.token is None else asker.token.prefix,
        expires_at=None if asker.token is None else asker.token.expires_at,
    )


@router.get("/users")
def list_users(service: Shared) -> list[User]:
    """What everybody may use of the queue, and what they are using."""
    return store.list_users(service.database)


@router.patch("/users/{user:path}")
def set_user(user: InPath, order: SetUser, asker: Admin, service: Shared) -> User:
    """Change what a user may do and use, from the next claim on."""
    changes = order.model_dump(exclude_unset=True)
    if not changes:
        raise InvalidSpec([f"Nothing to change. Known: {', '.join(SetUser.model_fields)}."])
    store.set_user(service.database, user, **changes)
    service.wake()
    return store.get_user(service.database, user)


@router.get("/tokens")
def list_tokens(asker: Proven, service: Shared) -> list[Token]:
    """The asker's tokens, or everybody's for an admin."""
    whose = None if asker.is_admin else asker.name
    return store.list_tokens(service.database, whose)


@router.post("/tokens", status_code=201)
def create_token(order: CreateToken, asker: Proven, service: Shared) -> NewToken:
    """Make a token for oneself or, as an admin, for anybody."""
    user = own_name(asker, None if order.user is None else user_name(order.user, "user"))
    if order.role == "admin" and not asker.is_admin:
        raise NotAllowed(f"Only an admin makes admins, and you, {asker.name}, are a user.")
    if not order.label.isprintable():
        raise InvalidSpec([f"label must be printable, got {order.label!r}."])
    token, known = store.create_token(
        service.database,
        user=user,
        label=order.label,
        seconds=None if order.days is None else order.days * DAY,
        role=order.role,
    )
    return NewToken(token=token, known=known)


@router.post("/tokens/{prefix}/revoke")
def revoke_token(prefix: OwnToken, service: Shared) -> Token:
    """Revoke a token, from the next request on."""
    return store.revoke_token(service.database, prefix)
