"""What instances of a scenario are made of, where it is about that."""

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """A part of a scenario file: frozen, and what it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True)


class ExtraVolume(Part):
    """A volume beside the root volume."""

    device: str = Field(default="/dev/sdf", description="where it hangs")
    size: int = Field(default=10, ge=1, description="GiB")
    keeps: bool = Field(default=False, description="whether it outlives its instance")
    snapshot: bool = Field(default=False, description="whether there is a snapshot of it")


class Parts(Part):
    """What instances are made of, where a scenario is about that."""

    volumes: tuple[ExtraVolume, ...] = Field(default=(), description="volumes beside the root")
    interfaces: int = Field(default=0, ge=0, le=4, description="interfaces beside the first")
    elastic: bool = Field(default=False, description="whether it has an elastic address")
    image: bool = Field(default=False, description="whether an image was made of it")
    profile: str = Field(default="", description="the name of its instance profile")
    user_data: str = Field(default="", description="its user data, as text")
    tagged: bool = Field(default=True, description="whether parts carry their instance's tags")
