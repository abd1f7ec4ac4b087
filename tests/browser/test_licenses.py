"""Whose the files are that pages load, and under which license."""

import dist


def test_every_file_that_pages_load_has_an_owner_with_a_license(html):
    loaded = {path.name for path in html.rglob("*") if path.suffix in dist.LOADED}
    said = dist.notices(loaded)
    for name in loaded:
        owners = [owner for owner, owned in dist.OWNERS.items() if name in owned]
        assert owners == ["book"] or all(f"\n{owner}\n===" in said for owner in owners), name
