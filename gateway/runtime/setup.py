"""What stays the same while a core runs: configuration, limits, and which run of which program."""

from dataclasses import dataclass

from gateway.config import Config
from gateway.safety.limits import Limits
from gateway.safety.texts import Language


@dataclass(frozen=True, slots=True)
class Setup:
    """One run of one core."""

    config: Config
    limits: Limits
    version: str
    boot: int
    boot_id: str
    config_hash: str
    firmware_limits_crc: int

    @property
    def language(self) -> Language:
        """In which people at this site read what an alarm means."""
        return Language(self.config.site.language)
