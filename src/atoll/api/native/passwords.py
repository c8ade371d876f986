"""Root's password as the native dialect asks for it: generated, or chosen. Never shown here."""

from typing import Annotated

from msgspec import Meta

from atoll.domain.errors import Invalid
from atoll.domain.instances import PASSWORD_MAX, PASSWORD_MIN, Password
from atoll.service.bundle import Services

ChosenPassword = Annotated[str, Meta(min_length=PASSWORD_MIN, max_length=PASSWORD_MAX)]


async def wanted(
    services: Services, *, generate: bool, chosen: str | None, field: str
) -> Password | None:
    """None where neither was asked for. Raises Invalid; no sentence repeats the password."""
    if chosen is None:
        return services.passwords.new(services.secret()) if generate else None
    if generate:
        raise Invalid(f"{field}: it is either generated or chosen, not both", field=field)
    return await services.passwords.chosen(chosen, field)
