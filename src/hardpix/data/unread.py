"""Content of a folder that is not read: subfolders without the right to, what is no file, files of other types."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from hardpix.data.errors import Problem, unusable
from hardpix.data.files import FolderListing
from hardpix.data.wording import plural

# Types that lie beside pictures without being any: not worth a line where there are files to read.
NOTES = (".txt", ".md", ".csv", ".tsv", ".xml", ".json", ".yaml", ".yml", ".ini", ".db", ".html", ".pdf", ".log", ".py")


def unreadable_folders(listing: FolderListing) -> list[Problem]:
    """Subfolders whose content cannot be known.

    Example:
        >>> listing = FolderListing((), unreadable=((Path("images/a"), "Permission denied"),))
        >>> unreadable_folders(listing)[0].found
        'Permission denied'
    """
    advice = "allow it to be read (chmod u+rx), or keep it out of the folder"
    return [
        Problem("folder that cannot be read", path, "a folder that may be read", why, advice)
        for path, why in listing.unreadable
    ]


def not_regular(listing: FolderListing, suffixes: Sequence[str]) -> list[Problem]:
    """Entries named like files to be read that are none: FIFOs, devices, links to nothing.

    Example:
        >>> listing = FolderListing((), not_regular=((Path("a.png"), "a FIFO"), (Path("lock"), "a socket")))
        >>> [(problem.where.name, problem.found) for problem in not_regular(listing, (".png",))]
        [('a.png', 'a FIFO')]
    """
    known = tuple(suffixes)
    return [
        unusable(path, "a regular file", kind)
        for path, kind in listing.not_regular
        if path.name.lower().endswith(known)
    ]


def not_followed(listing: FolderListing) -> list[Problem]:
    """Links to folders whose files would be counted twice, or that lie beside this folder."""
    advice = "nothing, if the files are not to be read again under another name; else copy the folder in its place"
    return [
        Problem("link that is not followed", path, "a link to a folder of its own", why, advice)
        for path, why in listing.not_followed
    ]


def other_types(
    folder: Path, what: str, listing: FolderListing, suffixes: Sequence[str], used: Collection[Path]
) -> list[Problem]:
    """Files of types that are not read, in one problem; none if there are none, or notes beside files that are read.

    Args:
        folder: that was listed.
        what: one of its files in a word.
        listing: everything in it.
        suffixes: the types that are read.
        used: files that are read as something else.

    Example:
        >>> listing = FolderListing((("a.gif", Path("a.gif")), ("b.gif", Path("b.gif"))))
        >>> other_types(Path("images"), "image", listing, (".png",), ())[0].found
        '2 × gif'
    """
    known = tuple(suffixes)
    readable = any(name.lower().endswith(known) for name, _ in listing.files)
    types = Counter(
        file_type(name).lower() for name, path in listing.files if path not in used and not name.lower().endswith(known)
    )
    said = [(kind, count) for kind, count in types.most_common() if not readable or kind not in NOTES]
    if not said:
        return []
    found = ", ".join(f"{count} × {type_names([kind]) or 'no type'}" for kind, count in said[:8])
    first = type_names(known).split(", ")[0]
    advice = f"convert them to {first} if they belong to the data; else leave them, they are not used"
    expected = f"{plural(what)} ({type_names(known)})"
    return [Problem("files of other types", folder, expected, found + (", …" if len(said) > 8 else ""), advice)]


def type_names(suffixes: Sequence[str]) -> str:
    """Types as a message names them.

    Example:
        >>> type_names((".png", ".tif"))
        'png, tif'
    """
    return ", ".join(suffix.removeprefix(".") for suffix in suffixes)


def file_type(path: str) -> str:
    """The type at the end of a path, with its dot; that of a folder ends in "/".

    Example:
        >>> file_type("a.b/c.d.png"), file_type("a.b/c"), file_type("a.b/")
        ('.png', '', '.b/')
    """
    own = path.rstrip("/").rpartition("/")[2]
    root, dot, suffix = own.rpartition(".")
    return (dot + suffix if root else "") + ("/" if path.endswith("/") else "")
