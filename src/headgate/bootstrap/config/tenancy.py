"""The part of the configuration that says who may spend what: teams, users, budgets, limits."""

from typing import Annotated

from pydantic import ConfigDict, Field

from headgate.bootstrap.config.values import Budgets, Parallel, Rate, Section, one_of


class LimitsSection(Section):
    """Rates for one scope; `none` lifts a default."""

    requests: Rate = Field(default="none", validate_default=True, description="Requests a minute, such as 100/min.")
    tokens: Rate = Field(default="none", validate_default=True, description="Tokens a minute, such as 400k/min.")
    parallel: Parallel = Field(default="none", validate_default=True, description="Calls at the same time.")


class ScopeSection(Section):
    """Budgets and limits of one scope."""

    budget: Budgets | None = Field(
        default=None, description="Such as 500 USD/month; a list for several; `none` for no budget."
    )
    limits: LimitsSection = Field(default_factory=LimitsSection, description="Rates and parallel calls.")


class TeamDefaultsSection(ScopeSection):
    """What holds for every team that says nothing else."""

    budget: Budgets = Field(
        default="100 USD/month", validate_default=True, description="100 USD/month if left out; `none` for no budget."
    )


class TeamSection(ScopeSection):
    """A team that the file owns."""

    owner: str = Field(default="", max_length=256, description="Who answers for the team; named in refusals.")
    use_cases: list[str] | None = Field(default=None, description="Names of granted use cases; left out: all.")


class TeamsSection(Section):
    """Teams by name, and what holds for all."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, hide_input_in_errors=True)
    __pydantic_extra__: dict[str, TeamSection] = Field(init=False)

    defaults: TeamDefaultsSection = Field(
        default_factory=TeamDefaultsSection, description="Holds where a team says nothing else."
    )

    @property
    def named(self) -> dict[str, TeamSection]:
        """The teams, by name."""
        return self.__pydantic_extra__


class DefaultsSection(Section):
    """What holds for scopes that say nothing of their own."""

    user: ScopeSection = Field(default_factory=ScopeSection, description="For each user.")


class BudgetsSection(Section):
    """What happens at a budget's end."""

    at_limit: Annotated[str, *one_of(("block",))] = Field(
        default="block", description="`block`: calls are refused with 402."
    )
