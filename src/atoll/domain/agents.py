"""What a software agent says of itself with a request: for whoever asks later why it was done."""

import msgspec


class Agent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """In its own words, which nobody has checked. `context_id` is the same for all that it does for
    one goal."""

    context_id: str = ""
    agent_type: str = ""
    goal: str = ""
    user: str = ""
    workspace: str = ""
