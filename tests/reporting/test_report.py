"""Tests of the report: content of the page, malicious run folders, and the view in a real browser."""

import html
import json
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from adbench.cli.main import app
from adbench.errors import ConfigError, ReportError, RunFolderError
from adbench.reporting import build
from adbench.reporting.build import report
from adbench.reporting.commands import made_by
from adbench.reporting.content import gather
from adbench.reporting.figures.base import choose
from adbench.reporting.header import opening
from adbench.reporting.leaderboard import leaderboard
from adbench.reporting.score_views import POINTS, thin

EVIL = '"><img src=x onerror=alert(1)></script><script>alert(1)</script>$\\frac{1}{$\x1b[31m\x00\u202e'
BROWSER = shutil.which("chromium") and shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(not BROWSER, reason="needs chromium and chromedriver")


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Path:
    """Copies of the run folders, to be damaged."""
    shutil.copytree(made, tmp_path / "runs")
    return tmp_path / "runs"


@pytest.fixture(scope="module")
def file(made: Path) -> Path:
    """The report of these runs."""
    target = made.parent / "report.html"
    report([made], target)
    return target


@pytest.fixture
def page(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["report", *arguments])


def edit(folder: Path, name: str, **changes: Any) -> None:
    document = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(document | changes))


def test_the_page_has_every_part_and_asks_nobody_for_anything(page: str) -> None:
    for part in ("leaderboard-of-all", "curves", "scores", "families", "alarms", "training", "time", "ranks", "cards"):
        assert f'<section id="{part}">' in page, part
    assert "7</b> finished runs" in page
    assert "expected data.path" in page  # the card of a user table: mentioned, not read
    assert "the same two datasets, unrelated ones" in page  # two protocols of one are one
    assert not re.search(r'(?:src|href)="(?!#)', page)
    assert not re.search(r"url\((?!#)|@import", page)
    assert "default-src 'none'" in page
    identifiers = re.findall(r'<[^>]* id="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))
    assert set(re.findall(r'(?:href="|url\()#([\w.-]+)', page)) <= set(identifiers)


def test_the_table_tells_what_the_runs_measured(page: str, made: Path) -> None:
    measured = [json.loads(path.read_text()) for path in sorted(made.glob("table-ae-s*/metrics.json"))]
    body = page[page.index("<tbody>") : page.index("</tbody>")]
    means = {f"{np.mean([m['roc_auc'] for m in pair]):.4f}" for pair in ((a, b) for a in measured for b in measured)}
    assert any(f">{mean}<" in body for mean in means)
    assert body.count("<tr ") == 5
    assert "of 10.0 %" in body
    assert "adbench sweep data=table model=pca" in page
    assert "seed=0,1" in page


def test_figures_are_files_of_three_kinds_each_with_what_it_shows(made: Path, tmp_path: Path) -> None:
    result = invoke(str(made), "--figures", str(tmp_path / "figures"), "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["report"] is None
    files = [Path(file) for file in document["figures"]]
    assert {file.suffix for file in files} == {".svg", ".png", ".pdf"}
    assert len(set(files)) == len(files) == 3 * (2 * 3 + 5 + 2 + 2 + 2 + 2)  # no ranks: both tasks are of one table
    starts = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}
    assert all(file.read_bytes().startswith(starts[file.suffix]) for file in files)
    texts = [element.text for element in ElementTree.parse(_named(files, "families")).iter() if element.text]
    assert {"ae", "pca", "all", "normal"} <= set(texts)
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(file.name for file in files)


def test_every_figure_has_its_place_and_every_column_its_meaning() -> None:
    from adbench.reporting.figures import order
    from adbench.reporting.leaderboard import _COLUMNS

    folder = Path(order.__file__).parent
    declared = {path.stem for path in folder.glob("*.py") if re.search(r"^KIND, TITLE = ", path.read_text(), re.M)}
    assert {figure.__name__.rpartition(".")[2] for figure in order.FIGURES} == declared
    assert len({figure.KIND for figure in order.FIGURES}) == len(order.FIGURES)
    assert all(column.meaning for column in _COLUMNS)


def _named(files: list[Path], kind: str) -> Path:
    return next(file for file in files if file.name.startswith(kind) and file.suffix == ".svg")


def test_ranks_are_drawn_over_unrelated_data_and_name_who_misses_some(made: Path, tmp_path: Path) -> None:
    runs = shutil.copytree(made, tmp_path / "runs")
    for folder in runs.iterdir():
        config = yaml.safe_load((folder / "config.yaml").read_text())
        if config["choices"]["protocol"] == "random_split":
            config["data"]["name"] = "others"  # as if it were another table
            (folder / "config.yaml").write_text(yaml.safe_dump(config))
    written = report([runs], None, figures=tmp_path, only="ranks").figures
    assert [path.name for path in written] == ["ranks.svg", "ranks.png", "ranks.pdf"]
    texts = [element.text for element in ElementTree.parse(_named(written, "ranks")).iter() if element.text]
    assert not any("knn" in text for text in texts)
    (picture,) = (one for one in build._pictures(gather([runs]), build._drawing()) if one.kind == "ranks")
    assert "Not ranked, for want of a result: knn (table)" in picture.notes
    assert any(note.startswith("Inconclusive: over 2 groups of data") for note in picture.notes)


def test_only_one_figure_and_a_name_that_does_not_exist(made: Path, tmp_path: Path) -> None:
    assert not report([made], None, figures=tmp_path, only="ranks").figures
    assert len(report([made], None, figures=tmp_path, only="roc").figures) == 6
    with pytest.raises(ConfigError, match="did you mean ranks"):
        report([made], None, figures=tmp_path, only="rank")


def test_every_caption_names_a_command_that_works(page: str, made: Path) -> None:
    commands = [shlex.split(html.unescape(text)) for text in re.findall(r'<code class="made-by">([^<]+)</code>', page)]
    pictures = list(build._pictures(gather([made]), build._drawing()))
    assert len(commands) == len(pictures)
    for command in commands:
        assert command[:3] == ["adbench", "report", str(made)]
        assert len(choose(pictures, command[-1])) == 1


def test_a_strangers_words_stay_words(runs: Path, tmp_path: Path) -> None:
    make_evil(runs)
    report([runs], tmp_path / "report.html")
    report([runs], None, figures=tmp_path / "figures", only="scores")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "onerror=alert" in page  # present as text
    assert not re.search(r"<img|<script>alert|[\x00\x1b\u202e]", page)
    assert page.count("<script") == 1
    for path in (tmp_path / "figures").glob("*.svg"):
        ElementTree.parse(path)


def make_evil(runs: Path) -> None:
    """Insert names with markup wherever a run folder can hold them."""
    first, second, *_ = sorted(runs.glob("table-ae-s0*"))
    metrics = json.loads((first / "metrics.json").read_text())
    renamed = {key.replace("flood", EVIL): value for key, value in metrics.items()}
    (first / "metrics.json").write_text(json.dumps(renamed))
    scores = pq.read_table(first / "scores.parquet").to_pandas()
    scores["family"] = scores["family"].astype(str).replace("flood", EVIL)
    pq.write_table(pa.Table.from_pandas(scores), first / "scores.parquet")
    history = (first / "history.csv").read_text().replace(",loss", ',"loss' + EVIL.replace('"', '""') + '"', 1)
    (first / "history.csv").write_text(history)
    edit(first, "environment.json", adbench=EVIL, end=EVIL)
    config = (
        (first / "config.yaml")
        .read_text()
        .replace("latent_size:", f"{json.dumps(EVIL)}: {json.dumps(EVIL)}\n  latent_size:")
    )
    (first / "config.yaml").write_text(config)
    (second / "metrics.json").unlink()
    (second / "error.txt").write_text(f"ValueError: {EVIL}")
    second.rename(second.with_name("<img src=x onerror=alert(1)>"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "has no scores.parquet"),
        (b"PAR1 and no more", "cannot be shown"),
        ({"score": [1.0, 2.0]}, "its test labels were never opened"),
        ({"score": ["a", "b"], "label": [0, 1]}, "score and label are string and int64"),
        ({"score": [1.0, math.inf], "label": [0, 1]}, "scores that are not finite"),
        ({"score": [1.0, None], "label": [0, 1]}, "scores that are not finite"),
        ({"score": [1.0, 2.0], "label": [0, 256]}, "labels that are not 0 and 1"),
        ({"score": [1.0, 2.0], "label": [0, 0]}, "labels that are not 0 and 1"),
        ({"score": pa.array([], pa.float64()), "label": pa.array([], pa.int8())}, "0 rows"),
    ],
)
def test_scores_that_cannot_be_shown_are_said(runs: Path, tmp_path: Path, content: Any, words: str) -> None:
    path = sorted(runs.glob("table-ae-s0*"))[0] / "scores.parquet"
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        pq.write_table(pa.table(content), path)
    report([runs], tmp_path / "report.html", only="scores", with_cards=False)
    page = (tmp_path / "report.html").read_text()
    assert words in page
    assert page.count("<svg") == 4  # the others are drawn


@pytest.mark.parametrize("value", [1e308, -1e308, 0.0, 5e-324])
def test_absurd_numbers_do_not_stop_it(runs: Path, tmp_path: Path, value: float) -> None:
    for folder in runs.glob("table-ae-*"):
        names = ("roc_auc", "fit_seconds", "threshold", "test_fpr", "test_fpr_low", "target_fpr", "training_gain")
        edit(folder, "metrics.json", **dict.fromkeys(names, value), **{"family/flood/n": value, "recall": value})
        (folder / "history.csv").write_text(f"epoch,seconds,loss\n0,1,{value}\n1,{value},nan\n2,1,inf\n")
    assert report([runs], tmp_path / "report.html", with_cards=False).n_finished == 7


@given(st.lists(st.floats(-1e300, 1e300), min_size=4, max_size=40), st.floats(-1e300, 1e300))
def test_any_scores_and_any_threshold_have_a_histogram(scores: list[float], threshold: float) -> None:
    from adbench.reporting.score_views import BINS, _ridges

    label = (np.arange(len(scores)) % 2).astype(np.int8)
    codes = np.zeros(len(scores), dtype=np.int64)
    edges, place, ridges = _ridges(threshold, np.array(scores), label, ["a"], codes)
    assert len(edges) == BINS + 1
    assert np.isfinite(edges).all()
    assert edges[0] <= place <= edges[-1]
    assert [ridge.n for ridge in ridges] == [len(scores) - label.sum(), label.sum()]
    assert all(ridge.shares.sum() == pytest.approx(1) for ridge in ridges)


@given(st.integers(2, 5000), st.integers(0, 9))
def test_a_thinned_curve_keeps_its_ends_and_its_shape(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = np.sort(rng.random(n)), np.sort(rng.random(n))
    thin_x, thin_y = thin(x, y, (x, y))
    assert len(thin_x) <= POINTS
    assert (thin_x[0], thin_x[-1], thin_y[0], thin_y[-1]) == (x[0], x[-1], y[0], y[-1])
    assert np.abs(np.interp(x, thin_x, thin_y) - y).max() < 0.02 + 1 / n**0.5 * (n > POINTS)


def test_only_failed_runs_make_a_report_that_says_so(runs: Path, tmp_path: Path) -> None:
    for folder in runs.iterdir():
        (folder / "metrics.json").unlink()
    (next(iter(runs.iterdir())) / "error.txt").write_text("ValueError: no luck")
    result = invoke(str(runs), "-o", str(tmp_path / "report.html"))
    assert result.exit_code == 0, result.output
    page = (tmp_path / "report.html").read_text()
    assert "No run finished" in page
    assert "no luck" in page
    assert "7</b> not finished" in page


def test_runs_of_another_version_leave_blanks(runs: Path, tmp_path: Path) -> None:
    from adbench.results.record import ALWAYS_MEASURED

    for path in runs.glob("table-ae-*/metrics.json"):
        metrics = json.loads(path.read_text())
        path.write_text(json.dumps({name: metrics[name] for name in ALWAYS_MEASURED}))
        (path.parent / "environment.json").unlink()
    assert report([runs], tmp_path / "report.html", with_cards=False).n_finished == 7


def test_requests_that_cannot_be_met_are_one_sentence(made: Path, tmp_path: Path) -> None:
    for arguments, words in (
        ([str(tmp_path / "nothing")], "at least one run in"),
        ([str(made), "-o", str(tmp_path)], "got the folder"),
        ([str(made), "-o", str(tmp_path / "no" / "report.html")], "make it, or name another"),
        ([str(made), "--only", "nothing", "-o", str(tmp_path / "r.html")], "expected a figure"),
    ):
        result = invoke(*arguments)
        assert (result.exit_code, result.stdout) == (2, ""), arguments
        assert words in result.stderr
        assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match="can be written"):
        report([made], None, figures=tmp_path / "file" / "figures")
    with pytest.raises(RunFolderError):
        report([], tmp_path / "report.html")


def test_it_imports_neither_torch_nor_pyplot(made: Path, tmp_path: Path) -> None:
    script = "import sys; from pathlib import Path; from adbench.reporting.build import report;"
    script += " report([sys.argv[1]], None, figures=Path(sys.argv[2]), only='ranks')"
    script += "; print(*{'torch', 'pytorch_lightning', 'matplotlib.pyplot'} & sys.modules.keys())"
    command = [sys.executable, "-c", script, str(made), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "\n"


def test_without_matplotlib_it_says_what_to_install(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"expected the package matplotlib.*pip install 'adbench-runner\[report\]'"):
        report([made], tmp_path / "report.html")


def test_the_same_runs_make_the_same_figures(made: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        report([made], None, figures=tmp_path / name, only="families")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync"):
        options.add_argument(f"--{argument}")
    for argument in ("disable-background-networking", "disable-component-update", "disable-extensions"):
        options.add_argument(f"--{argument}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


def opened(browser: Any, target: Path, width: int = 1400) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(target.as_uri())


def column(browser: Any, place: int) -> list[str]:
    script = (
        "return [...document.querySelectorAll('#leaderboard tbody tr')].filter(row => !row.hidden)"
        f".map(row => row.cells[{place}].firstChild?.textContent ?? '')"
    )
    found: list[str] = browser.execute_script(script)
    return found


@needs_browser
def test_a_browser_sorts_and_filters_the_table(browser: Any, file: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(browser, file)
    headings = browser.find_elements("css selector", "#leaderboard th")
    auroc = next(i for i, heading in enumerate(headings) if heading.text == "AUROC")
    button = headings[auroc].find_element("tag name", "button")
    button.click()
    best_first = list(map(float, column(browser, auroc)))
    assert best_first == sorted(best_first, reverse=True)
    assert headings[auroc].get_attribute("aria-sort") == "descending"
    button.send_keys(Keys.ENTER)
    assert list(map(float, column(browser, auroc))) == best_first[::-1]
    assert headings[auroc].get_attribute("aria-sort") == "ascending"
    assert browser.execute_script("return document.querySelectorAll('[aria-sort]').length") == 1
    gain = next(i for i, heading in enumerate(headings) if heading.text == "Training gain")
    for _ in range(2):
        headings[gain].find_element("tag name", "button").click()
        assert column(browser, gain)[-3:] == ["", "", ""]  # pca and knn have none
    search = browser.find_element("id", "filter")
    search.send_keys("PCA  table")
    assert set(column(browser, 1)) == {"pca"}
    assert browser.find_element("id", "count").text == "2 of 5 rows"
    search.send_keys(Keys.CONTROL, "a", Keys.NULL, Keys.BACKSPACE)
    browser.find_elements("css selector", "#task option")[1].click()
    assert 0 < len(column(browser, 1)) < 5
    assert browser.get_log("browser") == []


@needs_browser
def test_a_browser_shows_light_and_dark(browser: Any, file: Path) -> None:
    opened(browser, file)
    seen = {}
    for theme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": theme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        seen[theme] = colours(browser)
    assert brightness(seen["light"][0]) > 200 > 60 > brightness(seen["dark"][0])
    assert brightness(seen["light"][1]) < 120 < 160 < brightness(seen["dark"][1])  # the text inside a figure
    browser.find_element("id", "theme").click()
    assert colours(browser) == seen["light"]
    browser.refresh()
    assert colours(browser) == seen["light"]  # it is remembered
    browser.execute_script("localStorage.clear()")
    assert browser.get_log("browser") == []


def colours(browser: Any) -> tuple[str, str]:
    page, text = browser.execute_script(
        "return [getComputedStyle(document.body).backgroundColor,"
        " getComputedStyle(document.querySelector('#curves svg text')).fill]"
    )
    return page, text


def brightness(colour: str) -> float:
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


@needs_browser
@pytest.mark.parametrize("width", [400, 1400])
def test_nothing_sticks_out_of_the_page(browser: Any, file: Path, width: int) -> None:
    opened(browser, file, width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    outside = browser.execute_script(
        """return [...document.querySelectorAll('svg')].flatMap(svg =>
           [...svg.querySelectorAll('text')].filter(text => {
             const a = text.getBoundingClientRect(), b = svg.getBoundingClientRect();
             return a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 1 || a.bottom > b.bottom + 1;
           }).map(text => text.textContent))"""
    )
    assert outside == []


@needs_browser
def test_a_browser_runs_nothing_of_a_stranger(browser: Any, runs: Path, tmp_path: Path) -> None:
    make_evil(runs)
    report([runs], tmp_path / "report.html")
    opened(browser, tmp_path / "report.html", 400)
    assert browser.execute_script("return document.querySelectorAll('img, iframe, object').length") == 0
    assert browser.execute_script("return document.querySelectorAll('script').length") == 1
    assert browser.execute_script("return [...document.querySelectorAll('[onerror], [onload]')].length") == 0
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
    assert browser.get_log("browser") == []  # an alert would have made the calls above fail


def test_the_name_of_a_folder_need_not_be_utf_8(runs: Path, tmp_path: Path) -> None:
    first = min(path for path in runs.iterdir() if path.is_dir())
    try:
        first.rename(os.fsdecode(os.fsencode(runs) + b"/a\xff"))
    except OSError:
        pytest.skip("a file system that takes no such name")
    made = report([runs], tmp_path / "page.html", with_cards=False)
    assert made.n_runs == sum(path.is_dir() for path in runs.iterdir())
    assert "/a?" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_promise_is_marked_where_it_is_exceeded_and_nowhere_else(runs: Path) -> None:
    from adbench.reporting.content import gather
    from adbench.reporting.figures.false_alarms import draw
    from adbench.reporting.leaderboard import leaderboard

    def marks() -> tuple[int, int]:
        """The numbers of badges in the table and of rings in the figures."""
        material = gather([runs])
        cells = [cell for _, of_row in leaderboard(material).rows for cell in of_row]
        badges = sum("exceeded" in cell.badge[1] for cell in cells if cell.badge)
        drawn = [draw(task, of_task) for task, of_task in material.tasks.items()]
        return badges, sum(line.get_fillstyle() == "none" for figure in drawn for line in figure.axes[0].lines)

    rates = {"target_fpr": 0.01, "test_fpr": 0.05, "test_fpr_low": 0.04, "test_fpr_high": 0.06}
    folders = sorted(runs.glob("table-pca-*"))
    for folder in folders:
        edit(folder, "metrics.json", **rates, promise_p=1e-6)
    others = [json.loads((folder / "metrics.json").read_text()) for folder in runs.iterdir() if folder not in folders]
    assert min(m["promise_p"] for m in others) > 0.05
    assert marks() == (2, 3)  # of two runs on one task, and of one on the other
    for folder in folders:
        edit(folder, "metrics.json", promise_p=0.2)  # above its promise by chance
    assert marks() == (0, 0)
    for folder in folders:
        edit(folder, "metrics.json", promise_p=1e-6, test_fpr=0.005)
    assert marks() == (0, 0)
    for folder in folders:
        old = json.loads((folder / "metrics.json").read_text())
        (folder / "metrics.json").write_text(json.dumps({k: v for k, v in old.items() if k != "promise_p"} | rates))
    assert marks() == (0, 0)  # not judged


def test_a_base_rate_has_columns_of_its_own(runs: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    for folder in runs.glob("table-pca-*"):
        edit(folder, "metrics.json", test_fpr=0.02, test_fpr_low=0.01, test_fpr_high=0.04, recall=0.5)
    for folder in runs.glob("table-knn-*"):
        edit(folder, "metrics.json", promises_fpr=0)  # as of a rule that depends on the test rows
    result = invoke(
        str(runs), "-o", str(target), "--no-cards", "--only=alarms", "--base-rate=1e-4", "--rows-per-day=1e6"
    )
    assert result.exit_code == 0, result.output
    page = target.read_text()
    assert "At 1 anomaly in 10,000 rows" in page
    assert ">1 of 401" in page  # 1 + 0.02 x 9,999 / 0.5
    assert ">20,000" in page
    assert "10,000 to 40,000" in page
    assert "depends on how many anomalies are tested" in page
    assert "--base-rate 0.0001 --rows-per-day 1000000" in page
    report([runs], target, only="alarms", with_cards=False)
    assert "Right alarms" not in target.read_text()


@pytest.mark.parametrize("words", [["--base-rate", "0"], ["--base-rate", "nan"], ["--rows-per-day", "10"]])
def test_a_base_rate_that_is_none_is_one_sentence(words: list[str], made: Path, tmp_path: Path) -> None:
    result = invoke(str(made), "-o", str(tmp_path / "report.html"), *words)
    assert result.exit_code == 2
    assert "expected --base-rate" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_it_says_what_made_the_runs_and_tells_several_codes_apart(runs: Path) -> None:
    material = gather([runs])
    environment = material.runs[0].environment
    by = opening(material, "adbench report", datetime.now(UTC)).made_with
    for part in (f"commit {environment['git_commit']}", environment["cpu"], "trainer.threads=1", "torch ", "code "):
        assert part in by, by
    assert not any("code" in sentence for sentence in leaderboard(material).beware)
    folder = next(run.folder for run in material.runs if run.config["choices"]["model"] == "ae")
    code = environment["code"] | {"solver": {"sha256": "0" * 64, "versions": {}}}
    edit(folder, "environment.json", code=code)
    material = gather([runs])
    assert {"code=" in c.settings for c in material.configurations if c.model == "ae"} == {True}
    told = "\n".join(leaderboard(material).beware)
    assert "code=digits: made by different code" in told
    assert "1 finished run, made by other code of preprocessing, model or threshold" in told
    assert not any("code=" in made.command for made in made_by(material.configurations))
    assert opening(material, "adbench report", datetime.now(UTC)).made_with != by
