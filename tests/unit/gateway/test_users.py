"""Users: the first one, logging in, refreshing, leaving."""

import asyncio
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.admission import (
    BadCredentials,
    NotAuthenticated,
    PasswordTooWeak,
    RefreshTokenRefused,
    SetupDone,
    SetupRefused,
    TooManyAttempts,
)
from gateway.domain.user import User, checked_password
from gateway.handlers import users
from gateway.handlers.users import Credentials, Grant
from tests.fakes.gateway import MOMENT, USER, FakePasswords, FakeTokens, FakeWork, PowerCut

GOOD = "correct horse battery"


def world() -> FakeWork:
    work = FakeWork()
    work.users.rows[USER.id] = USER
    return work


async def log_in(
    work: FakeWork, password: str = "x", *, name: str = "ann", at: datetime = MOMENT,
    passwords: FakePasswords | None = None, tokens: FakeTokens | None = None,
) -> Grant:  # fmt: skip
    return await users.log_in(
        Credentials(username=name, password=password, origin="127.0.0.1"),
        passwords=passwords or FakePasswords(), tokens=tokens or FakeTokens(), work=work, at=at,
    )  # fmt: skip


async def refresh(work: FakeWork, token: str, *, seconds: float = 60) -> Grant:
    at = MOMENT + timedelta(seconds=seconds)
    return await users.refresh(token, tokens=FakeTokens(), work=work, at=at)


async def set_up(work: FakeWork, *, token: str = "sesame", expected: str | None = "sesame") -> User:
    return await users.set_up(
        Credentials(username="Ann", password=GOOD),
        setup_token=token, expected=expected, passwords=FakePasswords(), work=work, at=MOMENT,
    )  # fmt: skip


async def test_whoever_holds_the_setup_token_becomes_the_first_user_and_only_once() -> None:
    work = FakeWork()

    user = await set_up(work)

    assert work.users.rows == {user.id: user}
    with pytest.raises(SetupDone):
        await set_up(work)


@pytest.mark.parametrize(
    ("token", "expected"), [("open", "sesame"), ("", None), ("", ""), ("x", None)]
)
async def test_without_the_setup_token_nobody_is_added(token: str, expected: str | None) -> None:
    work = FakeWork()

    with pytest.raises(SetupRefused):
        await set_up(work, token=token, expected=expected)

    assert not work.users.rows


async def test_a_setup_that_is_cut_can_be_done_again() -> None:
    work = FakeWork(cut="before commit")

    with pytest.raises(PowerCut):
        await set_up(work)

    assert await set_up(work)


@pytest.mark.parametrize(
    "password", ["short", "aaaaaaaaaaaaaaaa", "Password1234", "i am ann of the hill", "x" * 129]
)
def test_passwords_that_are_easily_guessed_are_refused(password: str) -> None:
    with pytest.raises(PasswordTooWeak):
        checked_password(password, username="Ann")


@given(st.text(max_size=200))
def test_any_password_is_either_accepted_in_normal_form_or_refused(password: str) -> None:
    try:
        accepted = checked_password(password, username="ann")
    except PasswordTooWeak:
        return
    assert 12 <= len(accepted) <= 128
    assert checked_password(accepted, username="ann") == accepted


async def test_a_login_gives_tokens_of_an_open_session() -> None:
    work = world()

    grant = await log_in(work)

    (session,) = work.sessions.rows.values()
    assert grant.access == f"access usr_1 {session.id}"
    user = await users.caller_of(user_id="usr_1", session_id=session.id, work=work, at=MOMENT)
    assert user == USER


async def test_what_is_stored_of_a_refresh_token_does_not_reveal_it() -> None:
    work = world()

    grant = await log_in(work)

    assert grant.refresh not in repr(work.sessions)


async def test_an_unknown_user_costs_and_hears_the_same_as_a_wrong_password() -> None:
    passwords = FakePasswords()
    heard = set[str]()
    for name in ("ann", "nobody"):
        with pytest.raises(BadCredentials) as refused:
            await log_in(world(), "wrong", name=name, passwords=passwords)
        heard.add(refused.value.detail)

    assert passwords.verified == 2
    assert len(heard) == 1


async def test_after_five_failures_in_a_minute_even_the_right_password_must_wait() -> None:
    work = world()
    for _ in range(5):
        with pytest.raises(BadCredentials):
            await log_in(work, "wrong")

    with pytest.raises(TooManyAttempts):
        await log_in(work)

    assert await log_in(work, at=MOMENT + timedelta(seconds=61))


async def test_an_outdated_hash_is_replaced_at_the_next_login() -> None:
    work = world()
    await work.users.save_password("usr_1", password_hash="old hash of x")

    await log_in(work)

    assert work.users.rows["usr_1"].password_hash == "hash of x"


async def test_a_refresh_token_is_exchanged_for_a_new_one() -> None:
    work = world()
    first = await log_in(work)

    second = await refresh(work, first.refresh)
    third = await refresh(work, second.refresh, seconds=120)

    assert len({first.refresh, second.refresh, third.refresh}) == 3


async def test_a_refresh_token_that_comes_back_ends_the_whole_family() -> None:
    work = world()
    first = await log_in(work)
    second = await refresh(work, first.refresh, seconds=10)

    with pytest.raises(RefreshTokenRefused):
        await refresh(work, first.refresh, seconds=21)

    with pytest.raises(RefreshTokenRefused):
        await refresh(work, second.refresh, seconds=22)
    (session,) = work.sessions.rows
    with pytest.raises(NotAuthenticated):
        await users.caller_of(user_id="usr_1", session_id=session, work=work, at=MOMENT)


async def test_two_that_refresh_at_once_get_the_same_successor() -> None:
    work = world()
    first = await log_in(work)

    grants = await asyncio.gather(*(refresh(work, first.refresh) for _ in range(4)))

    assert len({grant.refresh for grant in grants}) == 1
    assert await refresh(work, grants[0].refresh, seconds=300)


@pytest.mark.parametrize("cut", ["before commit", "after commit"])
async def test_a_refresh_cut_anywhere_works_when_asked_again(cut: str) -> None:
    work = world()
    first = await log_in(work)
    work.cut = cut

    with pytest.raises(PowerCut):
        await refresh(work, first.refresh)

    assert await refresh(work, first.refresh)


@pytest.mark.parametrize("seconds", [7 * 86_400, 31 * 86_400])
async def test_a_refresh_token_expires_when_idle(seconds: float) -> None:
    work = world()
    first = await log_in(work)

    with pytest.raises(RefreshTokenRefused):
        await refresh(work, first.refresh, seconds=seconds)


async def test_a_session_ends_after_thirty_days_however_busy() -> None:
    work = world()
    token = (await log_in(work)).refresh
    for day in range(1, 30, 5):
        token = (await refresh(work, token, seconds=day * 86_400)).refresh

    with pytest.raises(RefreshTokenRefused):
        await refresh(work, token, seconds=30 * 86_400)


async def test_after_a_logout_nothing_of_the_session_is_accepted() -> None:
    work = world()
    grant = await log_in(work)
    (session,) = work.sessions.rows

    await users.log_out(session, work=work, at=MOMENT)
    await users.log_out(session, work=work, at=MOMENT)

    with pytest.raises(RefreshTokenRefused):
        await refresh(work, grant.refresh)
    with pytest.raises(NotAuthenticated):
        await users.caller_of(user_id="usr_1", session_id=session, work=work, at=MOMENT)


async def test_a_session_of_one_user_does_not_speak_for_another() -> None:
    work = world()
    await log_in(work)
    (session,) = work.sessions.rows

    with pytest.raises(NotAuthenticated):
        await users.caller_of(user_id="usr_2", session_id=session, work=work, at=MOMENT)


@pytest.mark.parametrize("token", ["", "x", "access usr_1 ses_1"])
async def test_what_is_no_refresh_token_is_refused(token: str) -> None:
    work = world()
    await log_in(work)

    with pytest.raises(RefreshTokenRefused):
        await refresh(work, token)
