"""Hostile archives: what a package may try on whoever verifies or unpacks it.

Each is refused by `verify` and by `extract`, is named, takes less than a second and 40 MB, and
nothing beside the directory that is unpacked into is written, made or changed (`conftest.py`).
`forms.py` says the same hostile thing in every format; another format joins in there.

test_names    names: `..`, absolute, empty, `.`, NUL, backslash, not UTF-8, too long, alike but for
              case; names that disagree: PAX, GNU and ustar; local and central headers of a zip
test_links    symbolic links out, over links and directories, in the place of either; hard links
test_types    devices, FIFOs, sockets; setuid, setgid, sticky, world-writable where undeclared
test_sizes    negative sizes, endless records, 200,000 empty members, sparse claims, bombs of every
              codec, members of a zip that overlap
test_members  members missing, extra, twice, out of order; another manifest; bytes before, between
              and after; a second archive, a second directory of a zip
test_public   what became known by a number, from its public description

Elsewhere: archives cut off, or with a bit flipped, at every byte (`../test_verify`,
`../zip/test_reader`, `../deb/test_reader`, `../../build/test_formats`), and headers of which one
field is not spelt as it should be (`../test_tar`, `../zip/test_reader`).
"""
