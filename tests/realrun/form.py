"""The form of a connection saved again as it is, in the way of each Airflow's web server."""

from __future__ import annotations

from html.parser import HTMLParser

from tests.realrun.stack import AIRFLOW_2, Stack


def save_again(web: Stack, conn_id: str, row: int) -> None:
    """
    Open the form of a stored connection, and save it.

    :param row: its key in the table, by which Airflow 2 knows it
    """
    if AIRFLOW_2:
        url = f"{web.url}/connection/edit/{row}"
        page = web.session.get(url)
        page.raise_for_status()
        answer = web.session.post(url, data=fields_of(page.text), headers={"referer": url})
        answer.raise_for_status()
    else:
        shown = web.call("GET", f"/connections/{conn_id}")
        web.call("PATCH", f"/connections/{conn_id}", {k: v for k, v in shown.items() if k != "team_name"})


def fields_of(page: str) -> dict[str, str]:
    """Return what a browser would send of the connection's form if nothing were changed."""
    form = _Form()
    form.feed(page)
    return form.fields


class _Form(HTMLParser):
    """Collects the fields of the form ``model_form``."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._inside = False
        self._name: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        if tag == "form":
            self._inside = given.get("id") == "model_form"
        if not self._inside:
            return
        if tag == "input" and given.get("name"):
            self.fields[given["name"]] = given.get("value", "")
        elif tag in {"textarea", "select"} and given.get("name"):
            self._name = given["name"]
            self.fields[self._name] = ""
        elif tag == "option" and self._name and "selected" in given:
            self.fields[self._name] = given["value"]

    def handle_data(self, data: str) -> None:
        if self._name and self.lasttag == "textarea":
            self.fields[self._name] += data

    def handle_endtag(self, tag: str) -> None:
        if tag in {"textarea", "select"}:
            self._name = None
        elif tag == "form":
            self._inside = False
