"""Who guesses how tokens begin hears of nobody else's."""

from bptt.store.tokens import MARK


def test_the_beginning_of_all_tokens_tells_of_none(team):
    for user in ("anna", "root"):
        answer = team.ask(user, "POST", f"/api/tokens/{MARK}/revoke")
        assert answer.status_code == (404 if user == "root" else 200)
        others = {prefix for name, prefix in team.prefixes.items() if name != user}
        assert not any(prefix in answer.text for prefix in others)


def test_a_beginning_that_only_somebody_else_has_is_nobodys(team):
    of_bob = team.prefixes["bob"]
    answer = team.ask("anna", "POST", f"/api/tokens/{of_bob[:-1]}/revoke")
    assert answer.status_code == 404
    assert of_bob not in answer.text
    assert "bob" not in answer.text
    # who knows all that may be shown of it is told why not
    assert team.ask("anna", "POST", f"/api/tokens/{of_bob}/revoke").status_code == 403
    assert team.ask("bob", "GET", "/api/me").status_code == 200
