"""From the pieces of text on a page, with their places and fonts, to blocks in reading order.

In come what a PDF library or an OCR engine found on a page; out go headings, paragraphs, list items and tables.
It knows no library, no file and no other page than the ones it was shown.
"""

__all__: list[str] = []
