"""The web app and its sessions, as operations of the OpenAPI document. Pure."""

from __future__ import annotations

from atoll.errors import Forbidden, NotFound, TooManyRequests, Unauthorized, Unavailable
from query_service.callers import APP_HEADER
from query_service.openapi import Answer, Operation
from query_service.session_api import SessionView, SignIn

_TAGGED = {"ETag": "What the file is.", "Content-Security-Policy": "What the page may do."}
_COOKIE = {"Set-Cookie": "The session: HttpOnly, SameSite=Strict, Secure where we are reached by TLS."}

WEB = (
    Operation(
        "GET",
        "/app/session",
        None,
        "Who is signed in to the web app in this browser",
        {200: Answer("The API key as its session may know it, or null", SessionView)},
        tag="web",
        problems=(Forbidden,),
    ),
    Operation(
        "POST",
        "/app/session",
        None,
        "Sign in with an API key; the session's cookie then opens the API to pages of the web app",
        {200: Answer("Who is signed in", SessionView, headers=_COOKIE)},
        body=SignIn,
        tag="web",
        problems=(Unauthorized, Forbidden, TooManyRequests, Unavailable),
        request_headers=(APP_HEADER,),
    ),
    Operation(
        "DELETE",
        "/app/session",
        None,
        "Sign out: the cookie is taken out of this browser",
        {200: Answer("Nobody is signed in", SessionView, headers=_COOKIE)},
        tag="web",
        problems=(Forbidden, Unavailable),
        request_headers=(APP_HEADER,),
    ),
    Operation("GET", "/", None, "To the web app", {302: Answer("It is at `Location`")}, tag="web"),
    Operation("GET", "/app", None, "To the web app", {302: Answer("It is at `Location`")}, tag="web"),
    Operation(
        "GET",
        "/app/{page:.*}",
        None,
        "A page of the web app",
        {200: Answer("Its shell", media="text/html", headers=_TAGGED), 304: Answer("As it was")},
        tag="web",
    ),
    Operation(
        "GET",
        "/app/-/{build}/{file:.+}",
        None,
        "A file of the web app, to be kept for ever",
        {200: Answer("The file", media="text/plain"), 304: Answer("As it was")},
        tag="web",
        problems=(NotFound,),
    ),
)
