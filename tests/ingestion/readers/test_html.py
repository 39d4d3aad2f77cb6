"""HTML to blocks."""

from __future__ import annotations

import pytest


def test_structure_becomes_blocks_in_reading_order(read):
    reading = read(
        "html",
        """<!DOCTYPE html><html><head><title>Leave policy | Acme Intranet</title><style>p{}</style></head><body>
        <header><nav>Home</nav><h1>Acme</h1></header>
        <main><h1>Leave policy</h1><p>Every   employee&nbsp;gets 25<br>days &amp; more.</p>
        <h2>Scope</h2>loose text<blockquote>Quoted</blockquote><pre>def f():
    return 1</pre></main><aside>Ads</aside><footer>© Acme</footer></body></html>""",
    )
    assert reading.shape == [
        ("h1", "Leave policy"),
        ("paragraph", "Every employee gets 25\ndays & more."),
        ("h2", "Scope"),
        ("paragraph", "loose text"),
        ("paragraph", "Quoted"),
        ("code", "def f():\n    return 1"),
    ]
    assert reading.title == "Leave policy"


def test_where_there_is_a_main_text_only_that_is_read(read):
    reading = read(
        "html",
        "<title>Support - The Book</title><div>Keyboard shortcuts</div><h1>The Book</h1>"
        "<main><h1>Support<a href='#s'>§</a></h1><p>Support for platforms is organised into tiers.</p></main>Cookies",
    )
    assert reading.texts == ["Support", "Support for platforms is organised into tiers."]
    assert reading.title == "Support"


def test_a_main_element_that_holds_next_to_nothing_is_not_believed(read):
    assert len(read("html", f"<main>Hi</main><p>{'The text. ' * 20}</p>").texts) == 2


def test_furniture_inside_the_main_text_is_text(read):
    assert read("html", "<nav>Menu</nav><article><header>By Ada</header><p>Text</p></article>").texts == [
        "By Ada",
        "Text",
    ]


def test_a_page_of_nothing_but_furniture_is_read_after_all(read):
    assert read("html", "<body><nav>Only this</nav></body>").texts == ["Only this"]


@pytest.mark.parametrize(
    "source",
    [
        "<script>no</script>",
        "<style>no</style>",
        "<template>no</template>",
        "<noscript>no</noscript>",
        "<p hidden>no</p>",
        "<p style='color:red; display: none'>no</p>",
        "<div aria-hidden=true>no</div>",
        "<svg><text>no</text></svg>",
        "<select><option>no</select>",
        "<!-- no -->",
        "<?php no ?>",
    ],
)
def test_what_a_reader_would_not_see_is_left_out(read, source):
    assert read("html", f"<p>before</p>{source}<p>after</p>").texts == ["before", "after"]


def test_lists_keep_markers_and_indent(read):
    source = "<ul><li>One<ul><li>nested<p>more</p></li></ul></li><li><p>Two</p></ul><ol start=3 type=a><li>x<li>y</ol>"
    assert read("html", source).shape == [
        ("list_item", "- One"),
        ("list_item", "  - nested"),
        ("list_item", "    more"),
        ("list_item", "- Two"),
        ("list_item", "c. x"),
        ("list_item", "d. y"),
    ]


def test_inline_marks_that_change_the_meaning_survive(read):
    source = (
        "<p>10<sup>6</sup> m<sup>2</sup>, CO<sub>2</sub>, 1<sup>st</sup>, see<sup><a>[1]</a></sup>, <s>old</s> new</p>"
    )
    assert read("html", source).texts == ["10^6 m^2, CO2, 1st, see[1], ~~old~~ new"]


def test_two_line_breaks_begin_a_paragraph(read):
    assert read("html", "<p>one<br><br>two<br>three</p>").texts == ["one", "two\nthree"]


def test_unknown_elements_keep_words_apart(read):
    assert read("html", "<my-card>One</my-card><my-card>Two</my-card>").texts == ["One", "Two"]


def test_table_spans_are_expanded_and_header_rows_merged(read):
    source = """<table><caption>Sales</caption>
      <thead><tr><th rowspan=2>Region<th colspan=2>2023</tr><tr><th>Q1<th>Q2</tr></thead>
      <tr><td rowspan=2>EU<td>1<td>2</tr><tr><td>3<td>4</tr><tr><td colspan=3>All in thousands</table>"""
    reading = read("html", source)
    assert reading.texts[0] == "Sales"
    (table,) = reading.tables
    assert table.header
    assert table.rows == (
        ("Region", "2023 Q1", "2023 Q2"),
        ("EU", "1", "2"),
        ("EU", "3", "4"),
        ("All in thousands", "", ""),
    )
    assert table.text == "Region | 2023 Q1 | 2023 Q2\nEU | 1 | 2\nEU | 3 | 4\nAll in thousands |  | "


def test_a_layout_table_is_read_as_text_and_the_table_inside_as_a_table(read):
    reading = read(
        "html",
        "<table><tr><td><h2>News</h2><table><tr><td>a<td>b<tr><td>1<td>2</table></td><td>side</td></tr></table>",
    )
    assert reading.shape == [("h2", "News"), ("table", "a | b\n1 | 2"), ("paragraph", "side")]


def test_a_table_nested_in_a_data_table_is_flattened_into_its_cell(read):
    source = "<table><tr><th>k<th>v<tr><td>a<td><table><tr><td>1<td>2</table></table>"
    (table,) = read("html", source).tables
    assert table.rows == (("k", "v"), ("a", "1 2"))


def test_a_page_long_cell_is_not_multiplied_by_its_span(read):
    source = f"<table><tr><th>k<th>v<tr><td rowspan=500>{'x' * 5000}<td>1{'<tr><td>2' * 499}</table>"
    assert sum(len(text) for text in read("html", source).texts) < 20_000


@pytest.mark.parametrize("span", ["999999", "-1", "x", "0", ""])
def test_absurd_spans_are_survived(read, span):
    source = f"<table><tr><th colspan={span!r} rowspan={span!r}>a<th>b<tr><td>1<td>2<tr><td>3<td>4</table>"
    assert "3" in " ".join(read("html", source).texts)


@pytest.mark.parametrize("tag", ["div", "ul><li", "table><tr><td", "b", "blockquote", "h2", "x-y", "a"])
def test_deep_nesting_loses_no_text(read, tag):
    source = f"<h1>Top</h1>{f'<{tag}>' * 10_000}deep<p>after"
    texts = "\n".join(read("html", source).texts)
    assert "Top" in texts
    assert "deep" in texts
    assert "after" in texts


def test_a_hundred_thousand_levels_are_flattened_and_it_is_said(read):
    reading = read("html", "<div>" * 100_000 + "<h2>Head</h2>x")
    assert ("h2", "Head") in reading.shape
    assert len(reading.notices) == 1


def test_a_heading_never_closed_does_not_swallow_the_page(read):
    reading = read("html", "<h1>" + "word " * 200 + "<p>Second paragraph")
    assert reading.texts[-1] == "Second paragraph"
    assert all(block.kind == "paragraph" for block in reading.blocks)


def test_external_entities_are_not_resolved(read, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("TOP-SECRET")
    reading = read(
        "html", f'<!DOCTYPE html [<!ENTITY x SYSTEM "file://{secret}">]><html><body><p>a &x; b</p></body></html>'
    )
    assert reading.texts == ["a &x; b"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("<p>Größe</p>".encode("utf-16"), "Größe"),
        ("<p>Größe</p>".encode("utf-8-sig"), "Größe"),
        (b'<meta charset="iso-8859-1"><p>Gr\xf6\xdfe</p>', "Größe"),
        ('<meta charset="iso-8859-1"><p>“Größe”</p>'.encode("cp1252"), "“Größe”"),
        (
            '<meta http-equiv="Content-Type" content="text/html; charset=windows-1256"><p>سياسة</p>'.encode("cp1256"),
            "سياسة",
        ),
        ('<meta charset="gb2312"><p>带薪年假</p>'.encode("gb2312"), "带薪年假"),
        ('<meta charset="utf-16"><p>Größe</p>'.encode(), "Größe"),
        ('<meta charset="nonsense"><p>Größe</p>'.encode(), "Größe"),
        (
            '<?xml version="1.0" encoding="iso-8859-1"?><html><body><p>Größe</p></body></html>'.encode("latin-1"),
            "Größe",
        ),
    ],
)
def test_charsets(read, data, text):
    assert read("html", data).texts == [text]


@pytest.mark.parametrize("source", ["", "   ", "<!-- only -->", "<html></html>", "<title>Only a title</title>"])
def test_nothing_to_read_yields_no_block(read, source):
    assert read("html", source).blocks == []


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("<title>A – B</title><h1>Other</h1>", "A – B"),
        ("<title>Site | Page</title><h1>Page</h1>", "Page"),
        ("<h1>Only <em>heading</em></h1>", "Only heading"),
        ("<p>none</p>", None),
    ],
)
def test_titles(read, source, title):
    assert read("html", source).title == title


def test_only_described_pictures_are_told(read):
    source = '<p>x<img alt="logo"> <img alt="Sales rose in every quarter"></p>'
    assert read("html", source).texts == ["x [Picture: Sales rose in every quarter]"]
