"""Is the page one safe file that shows every design, and does the terminal say what a user needs?"""

import dataclasses
import io
import json
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console
from small_run import small_run, strict_json

from codesign.config import ConfigError
from codesign.explain import explanation
from codesign.report.charts import breakdown_bars, free_names, parallel_coordinates
from codesign.report.findings import findings
from codesign.report.folder import read_run, write_run
from codesign.report.page import render
from codesign.report.run import FILES, Run
from codesign.report.sample import POINTS
from codesign.report.terminal import print_run

HOSTILE = "<img src=x onerror=alert(1)> </script><script>alert(2)</script> <!--<script> [/bold] & \"quoted\" 'too'"


@dataclasses.dataclass
class Page(HTMLParser):
    """What a browser would find: tags in order, scripts, text by tag."""

    tags: list
    scripts: list
    text: dict

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.scripts, self.text, self.open = [], [], {}, ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.open = ""

    def handle_data(self, data):
        if self.open == "script":
            self.scripts[-1] += data
        elif self.open:
            self.text.setdefault(self.open, []).append(data)

    @property
    def names(self):
        return [tag for tag, _ in self.tags]


def figures(page):
    found = re.fullmatch(r"const FIGURES=(.*);for\(const.*", page.scripts[-1], re.DOTALL)
    return strict_json(found[1])


def summary(run, folder="runs/x"):
    console = Console(file=io.StringIO(), width=170, soft_wrap=True, markup=False)
    print_run(run, small_run().folder.parent / folder, 1.0, console)
    return console.file.getvalue()


def altered(run, **changes):
    return Run(json.loads(json.dumps(run.manifest)) | changes, run.columns)


def emptied(run):
    """What is left when the user interrupts before anything was found."""
    manifest = {"status": "interrupted", "designs": 0, "found": 0, "best": {}, "sensitivities": {}, "hypervolume": 0.0}
    return altered(run, **manifest)._replace(columns={name: [] for name in run.columns})


@pytest.fixture(scope="module")
def run():
    return read_run(small_run().folder)


@pytest.fixture(scope="module")
def text():
    return (small_run().folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_the_page_loads_nothing(page, text):
    loads = {(tag, key, value) for tag, attrs in page.tags for key, value in attrs.items() if key in ("src", "href", "xlink:href", "data")}
    assert not loads
    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & set(page.names)
    style = " ".join([*page.text["style"], *(attrs.get("style") or "" for _, attrs in page.tags)])
    assert "@import" not in style
    assert "url(" not in style
    outside = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert "http://" not in outside
    assert "https://" not in outside


def test_the_front_is_drawn_before_any_script(page):
    assert page.names.index("svg") < page.names.index("script")
    assert [attrs.get("class") for tag, attrs in page.tags if tag == "svg"].count("scatter") == 2
    assert len(page.scripts) == 2


def test_every_design_says_on_hover_what_it_is(page, run):
    hovers = page.text["title"][1:]
    for number, name in enumerate(run.columns["id"]):
        own = [hover for hover in hovers if hover.startswith(f"{name}\n")]
        assert len(own) == 2, name
        assert run.columns["scale_up.link"][number] in own[0]
        assert all(free in own[0] for free in free_names(run))
        assert all(f"{aim['label']} " in own[0] and aim["unit"] in own[0] for aim in run.manifest["objectives"])
    assert hovers.count("as published") == 2


def test_charts_hold_the_numbers_of_the_run(page, run):
    drawn = figures(page)
    cards = {attrs.get("id") for tag, attrs in page.tags if tag == "div"}
    assert set(drawn) == {"parallel", "breakdown", "tornado"} <= cards
    assert drawn["parallel"] == json.loads(json.dumps(parallel_coordinates(run)))
    assert all(len(dimension["values"]) == run.size for dimension in drawn["parallel"]["data"][0]["dimensions"])
    bars = breakdown_bars(run)["data"]
    sums = [sum(bar["x"][place] for bar in bars) for place in range(len(bars[0]["y"]))]
    best = [run.columns["step_time"][run.columns["id"].index(i)] for i in run.manifest["best"].values()]
    references = [r["metrics"]["step_time"]["value"] for r in run.manifest["references"]]
    assert sums == pytest.approx([*best, *references], rel=1e-9), "no term of the step is left out of the bars"


def test_the_title_is_escaped(page):
    title = "Small <script>alert(1)</script> & study"
    assert page.text["h1"] == [title]
    assert page.text["title"][0] == title


def test_hostile_names_stay_text(run):
    references = [r | {"name": HOSTILE} for r in run.manifest["references"]]
    labels = dict.fromkeys(run.manifest["labels"], HOSTILE)
    page = Page(render(altered(run, title=HOSTILE, note=HOSTILE, labels=labels, references=references)))
    assert page.names.count("script") == 2
    assert "img" not in page.names
    assert page.text["h1"] == [HOSTILE]
    assert HOSTILE in figures(page)["breakdown"]["data"][0]["y"]
    assert "<!--" not in page.scripts[-1], "opens a comment inside the script, which then never ends"


def test_more_parts_than_colours_lose_no_design(run):
    best = run.manifest["best"].values()
    links = [run.columns["scale_up.link"][i] if name in best else f"link {i % 9}" for i, name in enumerate(run.columns["id"])]
    page = Page(render(run._replace(columns=run.columns | {"scale_up.link": links})))
    shown = {hover.split("\n")[0] for hover in page.text["title"][1:]}
    assert set(run.columns["id"]) <= shown


@pytest.mark.parametrize("size", [1, 2])
def test_a_tiny_front_renders(run, size):
    columns = {name: column[:size] for name, column in run.columns.items()}
    best = dict.fromkeys(run.manifest["best"], "d0001")
    references = [r | {"dominated_by": []} for r in run.manifest["references"]]
    tiny = altered(run, best=best, designs=size, references=references)._replace(columns=columns)
    assert set(columns["id"]) <= {hover.split("\n")[0] for hover in Page(render(tiny)).text["title"]}
    assert "d0001" in summary(tiny)


def test_the_terminal_says_units_references_limits_and_what_next(run):
    said = small_run().result.stdout
    for fragment in ("time to train [day]", "energy to train [GWh]", "capital cost [M$]", "scale_up.bandwidth [Tb/s]", "as published"):
        assert fragment in said
    for fragment in ("1.6 Tb/s to 64 Tb/s in steps of 0.4 Tb/s", "Where the step time of", "What moves", "Limits within 1 %: "):
        assert fragment in said
    first = run.manifest["best"]["time_to_train"]
    assert said.rstrip().splitlines()[-1] == f"Next: codesign explain {small_run().folder}#{first}"
    assert all(name in said for name in ("report.html", "front.parquet", "front.csv", "front.json", "manifest.json"))


def test_the_terminal_shows_brackets_as_they_are(run):
    labels = dict.fromkeys(run.manifest["labels"], "label [/b]")
    said = summary(altered(run, title="PP 16 [m 1] [/bold]", labels=labels), "runs/x[a]")
    assert "PP 16 [m 1] [/bold]" in said
    assert "label [/b]" in said
    assert "x[a]#" in said


def test_page_and_terminal_say_the_same_findings(page, run):
    told = findings(run)
    assert len(told) >= 2
    assert set(told) <= set(page.text["li"])
    assert set(told) <= set(small_run().result.stdout.splitlines())


def test_an_interrupted_run_says_so(run):
    said = altered(run, status="interrupted")
    assert "The run was interrupted; the front may be incomplete." in " ".join(Page(render(said)).text["b"])
    assert "The run was interrupted" in summary(said)


def test_an_empty_interrupted_run_renders_and_reads_back(run, tmp_path):
    empty = emptied(run)
    assert "No design was found" in " ".join(Page(render(empty)).text["p"])
    assert "No design was found" in summary(empty)
    write_run(empty, tmp_path)
    again = read_run(tmp_path)
    assert again.size == 0
    assert again.manifest["status"] == "interrupted"
    assert set(again.columns) == set(run.columns)


def test_reading_back_changes_nothing(run, text, tmp_path):
    assert render(run) == text
    write_run(run, tmp_path)
    for name in ("report.html", "front.csv", "front.json", "manifest.json"):
        assert (tmp_path / name).read_bytes() == (small_run().folder / name).read_bytes(), name
    with pytest.raises(ConfigError, match="not a run folder"):
        read_run(tmp_path / "nothing")


def test_a_run_keeps_its_sample_in_the_units_of_its_front(run, tmp_path):
    facts = run.manifest["sample"]
    assert facts["points"] == len(run.sample["feasible"]) == POINTS
    assert {name for name in run.sample if name not in run.columns} == {"feasible", "worst_limit", "overrun"}
    assert {name: facts["units"][name] for name in run.sample if name in run.columns} == {
        name: run.manifest["units"][name] for name in run.sample if name in run.columns
    }
    assert all(feasible == (over <= 0) for feasible, over in zip(run.sample["feasible"], run.sample["overrun"], strict=True))
    write_run(run, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)
    assert read_run(tmp_path).sample == run.sample


def test_feasible_random_designs_are_dots_behind_the_front(run):
    page = render(run)
    assert page.count('class="random"') == 2
    assert "feasible random designs</span>" in page
    card = page[page.index('<svg class="scatter"') :]
    assert card.index('class="random"') < card.index("<circle")
    bare = render(Run(run.manifest, run.columns))
    assert 'class="random"' not in bare
    assert "feasible random designs</span>" not in bare


def test_explanation_ranks_and_trades(run):
    """The best in an objective is number 1 in it, and is offered no better design for it."""
    for aim, name in run.manifest["best"].items():
        told = explanation(run, run.columns["id"].index(name))
        assert told["objectives"][aim]["rank"] == 1
        assert aim not in {trade["for"] for trade in told["trades"]}
        assert all(trade["ratios"][trade["for"]] < 1 for trade in told["trades"])
        assert sum(told["breakdown"].values()) == pytest.approx(told["metrics"]["step_time"]["value"], rel=1e-9)
