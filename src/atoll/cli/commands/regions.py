"""`atoll region …`: the regions where instances can run."""

from cyclopts import App

from atoll.cli.nouns import Noun
from atoll.cli.output import Column

COLUMNS = (
    Column("name", "metadata.name"),
    Column("description", "spec.description"),
    Column("id", "id"),
)

app = App(name="region")
REGIONS = Noun(app=app, one="a region", path="/v1/regions", columns=COLUMNS)
REGIONS.add_list("List regions.", labels=False)
