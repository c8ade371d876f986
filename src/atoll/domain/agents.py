"""What a software agent says about itself in a request, so that an audit can tell why it acted."""

import msgspec


class Agent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The agent's own words, which are not verified. `context_id` is the same in all requests for
    one goal."""

    context_id: str = ""
    agent_type: str = ""
    goal: str = ""
    user: str = ""
    workspace: str = ""
