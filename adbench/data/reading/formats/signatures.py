"""File formats recognised by their first bytes: those that are read, and those that are refused with advice."""

import codecs
import re

from adbench.data.reading.formats.packed import NPZ
from adbench.errors import DataError

CSV, ARFF, JSON = "CSV", "ARFF", "JSON"
PARQUET, ARROW, ARROW_STREAM = "Parquet", "Arrow", "Arrow stream"
NUMPY, MATLAB = "NumPy array", "MATLAB"
MATRICES = (NUMPY, NPZ, MATLAB)  # numbers without column names

_BINARY = (
    (b"PAR1", PARQUET),
    (b"ARROW1\x00\x00", ARROW),
    (b"\xff\xff\xff\xff", ARROW_STREAM),
    (b"\x93NUMPY", NUMPY),
    (b"MATLAB 5.0 MAT-file", MATLAB),
)
# UTF-32's mark begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_TO_PARQUET = "write it as Parquet where it was made, as by pandas' DataFrame.to_parquet"
_AS_CSV = "save the table as CSV"
_HDF5 = "read its tables by h5py or pandas.read_hdf, and write them as Parquet"
# Formats that can run code are never opened.
_REFUSED = (
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file", _HDF5),
    (rb"MATLAB 7\.3 MAT-file", "a MATLAB file of version 7.3, which is HDF5", "save it by save -v7 in MATLAB"),
    (rb"\x80[\x02-\x05]", "a pickle, which can run code when it is opened", _TO_PARQUET),
    (rb"FEA1", "Feather of version 1", _TO_PARQUET),
    (rb"ORC", "ORC", "write it as Parquet, as by pyarrow.orc and pyarrow.parquet"),
    (rb"Obj\x01", "Avro", "write it as Parquet"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old workbook (xls) or document", "save it as xlsx or CSV"),
    (rb"SQLite format 3\x00", "an SQLite database", "export the table, as sqlite3 -header -csv FILE 'SELECT …' does"),
    (rb"(RD[AX][23]\n)|([XAB]\n\x00\x00\x00[\x02\x03])", "an R file", "write it by write.csv or arrow::write_parquet"),
    (rb"<stata_dta>", "a Stata file", "write it as Parquet, as by pandas.read_stata"),
    (rb"\$FL[23]", "an SPSS file", "write it as CSV, as by pandas.read_spss"),
    (rb"%PDF", "a PDF", "get the table itself, as CSV"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|II\*\x00|MM\x00\*|RIFF....WEBP", "an image", "get a table of numbers, as CSV"),
    (
        rb"\xd4\xc3\xb2\xa1|\xa1\xb2\xc3\xd4|\x4d\x3c\xb2\xa1|\xa1\xb2\x3c\x4d|\n\r\r\n",
        "a packet capture",
        "make a table of its flows, as by Zeek or CICFlowMeter",
    ),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, and name the table that was in it"),
    (rb"Rar!\x1a\x07", "a RAR archive", "unpack it, and name the table that was in it"),
    (rb"\x1f[\x9d\xa0]", "a file of compress (.Z)", "unpack it"),
    (rb"\x04\x22\x4d\x18", "an LZ4 file", "unpack it"),
    (rb".{257}ustar", "a tar archive", "unpack it, and name the table that was in it"),
    (rb"\s*version https://git-lfs\.github\.com/", "a Git LFS pointer instead of the file", "run git lfs pull"),
    (rb"(\.\./)*\.git/annex/objects/|/annex/objects/", "a git-annex pointer", "run git annex get"),
    (
        rb"(?i)\s*(<!--.*?-->\s*)?<(!doctype\s+html|html|head|body)\b",
        "an HTML page, as a site answers that wants a login",
        "download the file itself",
    ),
    (rb"(?i)\s*<(\?xml|svg|rdf)\b", "XML", _AS_CSV),
    (rb"\{\\rtf", "a document (RTF)", _AS_CSV),
)


def recognise(head: bytes, name: str) -> tuple[str, str | None]:
    """The format of a file, and its encoding if a byte-order mark says that it is not UTF-8.

    Raises DataError about the file for a known format that is not supported.
    """
    for magic, found in _BINARY:
        if head.startswith(magic):
            return found, None
    encoding = next((encoding for mark, encoding in MARKS if head.startswith(mark)), None)
    if encoding is None:
        text = head.removeprefix(codecs.BOM_UTF8)
        _require_unknown(text, name)
    else:
        width = 4 if encoding == "utf-32" else 2
        text = head[: len(head) - len(head) % width].decode(encoding, "replace").encode("utf-8", "replace")
    return _text_format(text), encoding


def _require_unknown(head: bytes, name: str) -> None:
    for pattern, what, remedy in _REFUSED:
        if re.match(pattern, head, re.DOTALL):
            raise DataError(f"expected a table in {name}, got {what}; {remedy}")
    if b"\x00" in head:
        even, odd = head[::2].count(0), head[1::2].count(0)
        if max(even, odd) > 0.3 * len(head) / 2:
            which = "utf-16le" if odd > even else "utf-16be"
            raise DataError(
                f"expected UTF-8 text or a byte-order mark in {name}, got what looks like {which} without one; convert"
                f" it, as iconv -f {which} -t utf-8 does"
            )
        raise DataError(
            f"expected a table in {name}, got the byte 0x00 at position {head.index(0):,}, as in no text and in none"
            " of the formats that are read; save the table as CSV or Parquet"
        )


def _text_format(text: bytes) -> str:
    if re.match(rb"\s*(\{\s*[\"}]|\[\s*[\[{])", text):
        return JSON
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith(b"%")), b"")
    return ARFF if re.match(rb"(?i)@(relation|attribute)\b", first) else CSV
