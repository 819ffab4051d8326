"""The pages and what they ask for, as an ASGI application. Knows paths and JSON, not who may label what."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import orjson

from harness.annotate.adjudication import AdjudicationDesk
from harness.annotate.coding import CodingDesk
from harness.annotate.guard import Guard
from harness.annotate.refused import Refused
from harness.errors import JournalWriteError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from harness.annotate.answers import Json
    from harness.annotate.store import Store
    from harness.annotate.study import Study

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_LONGEST_BODY = 256 * 1024


def make_app(study: Study, store: Store, *, token: str, port: int) -> Guard:
    """Everything that is served, behind its guard.

    Args:
        port: where it listens; only a Host with this port is let in.
    """
    from starlette.applications import Starlette  # noqa: PLC0415 - only for those who serve
    from starlette.routing import Route  # noqa: PLC0415

    desks = _Desks(CodingDesk(study, store), AdjudicationDesk(study, store))
    pages = _Pages(study)
    routes = [
        Route("/", pages.page("coding.html")),
        Route("/adjudicate", pages.page("adjudication.html")),
        Route("/pages/{name}", pages.asset),
        Route("/do/{page}/{act}", desks.act, methods=["POST"]),
    ]
    return Guard(Starlette(routes=routes), token=token, port=port)


class _Desks:
    """From the JSON of a page to what is done with it, and back."""

    def __init__(self, coding: CodingDesk, adjudication: AdjudicationDesk) -> None:
        self._coding = coding
        self._adjudication = adjudication

    async def act(self, request: Request) -> Response:
        """One act; a refusal is a sentence under `error`, with its status."""
        try:
            told = await self._done(f"{request.path_params['page']}/{request.path_params['act']}", await _body(request))
        except Refused as refused:
            return _json({"error": refused.sentence}, refused.status)
        except JournalWriteError as error:
            return _json({"error": f"NOT SAVED. {error}"}, 503)
        return _json(told)

    async def _done(self, what: str, given: Json) -> Json:
        coder, item, labels, seconds = (given.get(name) for name in ("coder", "item", "labels", "seconds"))
        coding, adjudication = self._coding, self._adjudication
        match what:
            case "coding/begin":
                told = await coding.begin(coder, is_new=given.get("is_new") is True)
            case "coding/state":
                told = coding.state(coder)
            case "coding/save":
                told = await coding.save(coder, item, labels, seconds)
            case "coding/skip":
                told = await coding.skip(coder, item, seconds)
            case "coding/undo":
                told = await coding.undo(coder)
            case "adjudication/begin":
                told = await adjudication.begin(coder)
            case "adjudication/state":
                told = adjudication.state(coder, item)
            case "adjudication/save":
                told = await adjudication.save(coder, item, labels, seconds)
            case "adjudication/undo":
                told = await adjudication.undo(coder)
            case _:
                raise Refused("There is no such act.", 404)
        return told


class _Pages:
    """Templates and assets, read once."""

    def __init__(self, study: Study) -> None:
        from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

        self._study = study
        loader = PackageLoader("harness.annotate", "pages")
        self._templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
        self._assets = {
            entry.name: entry.read_bytes()
            for entry in resources.files("harness.annotate").joinpath("pages").iterdir()
            if _type(entry.name)
        }

    def page(self, name: str) -> Callable[[Request], Response]:
        """What serves the template of that name."""

        def serve(_request: Request) -> Response:
            from starlette.responses import HTMLResponse  # noqa: PLC0415

            assignment = self._study.assignment
            html = self._templates.get_template(name).render(
                rubric=self._study.rubric, coders=assignment.coders, simulated=self._is_simulated()
            )
            return HTMLResponse(html)

        return serve

    def asset(self, request: Request) -> Response:
        """A script, style or picture by its name; there are no paths."""
        from starlette.responses import PlainTextResponse, Response  # noqa: PLC0415

        name = request.path_params["name"]
        if name not in self._assets:
            return PlainTextResponse("There is no such file.", 404)
        return Response(self._assets[name], media_type=_type(name))

    def _is_simulated(self) -> bool:
        return any(item.simulated for item in self._study.items.values())


def _type(name: str) -> str | None:
    return next((told for suffix, told in _TYPES.items() if name.endswith(suffix)), None)


async def _body(request: Request) -> Json:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > _LONGEST_BODY:
            raise Refused(f"That is more than {_LONGEST_BODY // 1024} KiB. Shorten the notes.", 413)
    try:
        given: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise Refused("What the page sent is no JSON object. Reload it.", 400)
    return given


def _json(facts: Json, status: int = 200) -> Response:
    from starlette.responses import Response  # noqa: PLC0415

    return Response(orjson.dumps(facts), status, media_type="application/json")
