"""What is wrong with a setting that infra itself reads."""


class WrongSetting(Exception):
    """A setting is wrong; the message names it and says what it takes."""
