"""E-mail to blocks."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from core.errors import ParserLimit, PasswordProtected


@pytest.fixture
def message():
    mail = EmailMessage()
    mail["Subject"] = "Übersicht: figures"
    mail["From"] = "Ada Lovelace <ada@example.org>"
    mail["To"] = "bob@example.org, Eve <eve@example.org>"
    mail["Date"] = "Tue, 3 Mar 2026 10:04:11 +0100"
    mail["Message-ID"] = "<1@example.org>"
    mail.set_content(
        "Dear Bob,\n\nplease find the figures below. They are wrapped at a margin like most\n"
        "of the e-mails of the world.\n\n"
        "> Where are the\n> figures?\n>> I wonder.\n"
    )
    return mail


HEAD = [
    ("h1", "Übersicht: figures"),
    (
        "paragraph",
        "From: Ada Lovelace <ada@example.org>\nTo: bob@example.org, Eve <eve@example.org>\n"
        "Date: 2026-03-03 10:04+01:00",
    ),
]
BODY = [
    ("paragraph", "Dear Bob,"),
    ("paragraph", "please find the figures below. They are wrapped at a margin like most of the e-mails of the world."),
    ("paragraph", "> Where are the\n> figures?"),
    ("paragraph", "> > I wonder."),
]


def test_headers_text_and_quotes(read, message):
    reading = read("mail", message.as_bytes())
    assert reading.shape == HEAD + BODY
    assert reading.title == "Übersicht: figures"


def test_the_plain_form_is_preferred(read, message):
    message.add_alternative("<p>Dear Bob, <b>in HTML</b></p>", subtype="html")
    assert read("mail", message.as_bytes()).shape == HEAD + BODY


def test_the_html_form_is_read_where_the_plain_one_only_points_to_it(read, message):
    message.set_content("Please view this e-mail in HTML.")
    message.add_alternative("<h2>News</h2><p>" + "A long letter. " * 40 + "</p>", subtype="html")
    assert read("mail", message.as_bytes()).shape[2] == ("h2", "News")


def test_attachments_are_read_under_their_names(read, message):
    message.add_attachment(
        b"Name,Amount\nA,1\nB,2\nC,3\n", maintype="text", subtype="csv", filename="zahlen für Q3.csv"
    )
    message.add_attachment(b"\0\1\2\3" * 50, maintype="application", subtype="octet-stream", filename="junk.bin")
    message.add_attachment(b"---signature---", maintype="application", subtype="pkcs7-signature", filename="smime.p7s")
    inner = EmailMessage()
    inner["Subject"], inner["From"], inner["To"], inner["Date"] = (
        "Inner",
        "x@y.z",
        "z@y.x",
        "Tue, 3 Mar 2026 10:04 +0100",
    )
    inner.set_content("inner text")
    message.add_attachment(inner)
    reading = read("mail", message.as_bytes())
    assert reading.shape[len(HEAD + BODY) :] == [
        ("h1", "Attachment: zahlen für Q3.csv"),
        ("table", "Name | Amount\nA | 1\nB | 2\nC | 3"),
        ("h1", "Attachment: Inner.eml"),
        ("h2", "Inner"),
        ("paragraph", "From: x@y.z\nTo: z@y.x\nDate: 2026-03-03 10:04+01:00"),
        ("paragraph", "inner text"),
    ]
    assert [notice.split("”")[0] for notice in reading.notices] == ["“junk.bin"]


def test_messages_inside_messages_end_at_the_limit(read, message):
    for depth in range(5):
        outer = EmailMessage()
        outer["Subject"], outer["From"], outer["Date"] = f"outer {depth}", "a@b.c", "Tue, 3 Mar 2026 10:04 +0100"
        outer.set_content("see below")
        outer.add_attachment(message)
        message = outer
    reading = read("mail", message.as_bytes())
    assert [text for kind, text in reading.shape if kind != "paragraph" and "outer" in text and "Att" not in text] == [
        "outer 4", "outer 3", "outer 2",
    ]  # fmt: skip
    assert "too deep" in reading.notices[0]


@pytest.mark.parametrize(
    ("head", "body", "texts"),
    [
        (b"Content-Type: text/plain; charset=iso-8859-1", b"caf\xe9", ["café"]),
        (b"Content-Type: text/plain; charset=nonsense", b"caf\xe9 cr\xe8me", ["café crème"]),
        (b"Content-Type: text/plain; charset=gb2312", "带薪年假".encode("gb2312"), ["带薪年假"]),
        (b"Content-Type: text/html; charset=windows-1256", "<p>سياسة</p>".encode("cp1256"), ["سياسة"]),
        (b"Content-Type: text/plain\nContent-Transfer-Encoding: base64", b"aGVsbG8=", ["hello"]),
        (b"Content-Type: text/plain\nContent-Transfer-Encoding: base64", b"###not base64###", None),
        (
            b"Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable",
            b"caf=C3=A9 =\ngoes on",
            ["café goes on"],
        ),
        (b"Content-Type: multipart/mixed; boundary=zzz", b"no parts at all", ["no parts at all"]),
        (b"Content-Type: multipart/mixed", b"no boundary", ["no boundary"]),
        (b"Content-Type: ;;;", b"odd type", ["odd type"]),
        (b"Content-Type: text/plain; charset*=x''%ff", b"odd charset", ["odd charset"]),
    ],
)
def test_charsets_and_malformed_mime(read, head, body, texts):
    found = read("mail", b"From: a@b.c\nTo: d@e.f\nMIME-Version: 1.0\n" + head + b"\n\n" + body).texts[1:]
    assert texts is None or found == texts


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        (b"Subject: =?utf-8?b?4pyTIGRvbmU=?=", "✓ done"),
        (b"Subject: =?utf-8?b?broken", "=?utf-8?b?broken"),
        (b"Subject: raw caf\xc3\xa9", "raw café"),
        (b"Subject: folded\n over lines", "folded over lines"),
        (b"Subject: =?utf-16?q?=D8?= x", None),
        (b'From: <<<@@@,;:"\nSubject: x', "x"),
        (b"To: " + b"(" * 500 + b"\nSubject: x", "x"),
    ],
)
def test_encoded_and_malformed_headers(read, header, shown):
    title = read("mail", header + b"\nDate: yesterday\n\ntext").title
    assert shown is None or title == shown


def test_a_thousand_nested_parts(read):
    head, tail = b"From: a@b.c\nSubject: deep\nMIME-Version: 1.0\n", b""
    for number in range(1000):
        head += f'Content-Type: multipart/mixed; boundary="b{number}"\n\n--b{number}\n'.encode()
        tail = f"--b{number}--\n".encode() + tail
    with pytest.raises(ParserLimit):
        read("mail", head + b"Content-Type: text/plain\n\nbottom\n" + tail)


def test_thousands_of_parts_side_by_side_are_bounded(read):
    part = b"--b\nContent-Type: text/plain\n\nx\n"
    reading = read("mail", b"Subject: s\nContent-Type: multipart/mixed; boundary=b\n\n" + part * 2500 + b"--b--\n")
    assert 1000 < len(reading.blocks) < 2400
    assert "parts" in reading.notices[0]


def test_encrypted_mail_is_said_to_be_so(read):
    with pytest.raises(PasswordProtected):
        read("mail", b"Subject: s\nContent-Type: multipart/encrypted; boundary=b\n\n--b\n\nx\n--b--\n")
    with pytest.raises(PasswordProtected):
        read("mail", b"Subject: s\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMIIB\n")


@pytest.mark.parametrize("data", [b"\n", b"Subject:\n\n", b"From: \xff\xfe\n\n\xff\xfe\xfd"])
def test_hardly_a_message(read, data):
    assert read("mail", data).title is None
